"""NVIDIA's own Python binding (nvidia-ml-py) as a second reader of whatever libnvidia-ml.so.1 there is: one line of JSON."""
import ctypes
import json

import pynvml as nvml

STRUCTURES = {
    "pciInfo": (nvml.nvmlPciInfo_t, {"busId": "busId"}),
    "memory": (nvml.c_nvmlMemory_t, {"total": "total", "free": "free", "used": "used"}),
    "memoryV2": (
        nvml.c_nvmlMemory_v2_t,
        {"version": "version", "total": "total", "reserved": "reserved", "free": "free", "used": "used"},
    ),
    "utilization": (nvml.c_nvmlUtilization_t, {"gpu": "gpu", "memory": "memory"}),
    "temperature": (
        nvml.c_nvmlTemperature_v1_t,
        {"version": "version", "sensor": "sensorType", "temperature": "temperature"},
    ),
    "fieldValue": (
        nvml.c_nvmlFieldValue_t,
        {"id": "fieldId", "scope": "scopeId", "valueType": "valueType", "result": "nvmlReturn", "value": "value"},
    ),
    "processInfo": (nvml.c_nvmlProcessInfo_v3_t, {"pid": "pid", "memory": "usedGpuMemory"}),
    "eventData": (nvml.c_nvmlEventData_t, {"device": "device", "eventType": "eventType", "eventData": "eventData"}),
}


def layout():
    return {
        name: {"size": ctypes.sizeof(kind), **{ours: getattr(kind, theirs).offset for ours, theirs in fields.items()}}
        for name, (kind, fields) in STRUCTURES.items()
    }


def or_none(read):
    try:
        return read()
    except nvml.NVMLError:
        return None


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def device(index):
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    utilization = or_none(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    fields = nvml.nvmlDeviceGetFieldValues(handle, [82, (138, 0xFFFFFFFF), 197, 198])
    number = lambda field: None if field.nvmlReturn else field.value.uiVal if field.valueType == 1 else field.value.ullVal
    return {
        "id": text(nvml.nvmlDeviceGetUUID(handle)),
        "name": text(nvml.nvmlDeviceGetName(handle)),
        "memoryTotal": memory.total,
        "memoryUsed": memory.used,
        "utilization": utilization and utilization.gpu,
        "memoryController": utilization and utilization.memory,
        "temperature": or_none(lambda: nvml.nvmlDeviceGetTemperature(handle, 0)),
        "power": or_none(lambda: nvml.nvmlDeviceGetPowerUsage(handle)),
        "powerLimit": or_none(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle)),
        "energy": or_none(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle)),
        "smClock": or_none(lambda: nvml.nvmlDeviceGetClockInfo(handle, 1)),
        "eccUncorrected": or_none(lambda: nvml.nvmlDeviceGetTotalEccErrors(handle, 1, 0)),
        "remapped": or_none(lambda: nvml.nvmlDeviceGetRemappedRows(handle)),
        "fan": or_none(lambda: nvml.nvmlDeviceGetFanSpeed(handle)),
        "memoryTemperature": number(fields[0]),
        "nvlinkSent": number(fields[1]),
        "pcieSent": number(fields[2]),
        "pcieReceived": number(fields[3]),
    }


nvml.nvmlInit()
print(
    json.dumps(
        {
            "layout": layout(),
            "driver": text(nvml.nvmlSystemGetDriverVersion()),
            "devices": [device(index) for index in range(nvml.nvmlDeviceGetCount())],
        }
    )
)
