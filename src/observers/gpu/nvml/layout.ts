/**
 * Layout of NVML's structures that are used, on 64-bit systems: size and offsets in bytes. Source: nvml.h, API
 * version 13 (NVIDIA/go-nvml, gen/nvml/nvml.h); the sizes are the same since the functions exist, as their versions say.
 */
export const LAYOUT = {
  /** nvmlPciInfo_t */
  pciInfo: { size: 68, busId: 36 },
  /** nvmlMemory_t */
  memory: { size: 24, total: 0, free: 8, used: 16 },
  /** nvmlMemory_v2_t */
  memoryV2: { size: 40, version: 0, total: 8, reserved: 16, free: 24, used: 32 },
  /** nvmlUtilization_t */
  utilization: { size: 8, gpu: 0, memory: 4 },
  /** nvmlTemperature_v1_t */
  temperature: { size: 12, version: 0, sensor: 4, temperature: 8 },
  /** nvmlFieldValue_t */
  fieldValue: { size: 40, id: 0, scope: 4, valueType: 24, result: 28, value: 32 },
  /** nvmlProcessInfo_t */
  processInfo: { size: 24, pid: 0, memory: 8 },
  /** nvmlEventData_t */
  eventData: { size: 32, device: 0, eventType: 8, eventData: 16 },
} as const;

/** NVML_STRUCT_VERSION: size and version in one number. */
export const structVersion = (size: number, version: number): number => size | (version << 24);

/** Lengths of text buffers. */
export const TEXT = { name: 96, uuid: 96, serial: 30, driver: 80 } as const;

/** Field ids of nvmlDeviceGetFieldValues, with the scope that each needs. */
export const FIELDS = {
  memoryTemperature: { id: 82, scope: 0 },
  /** KiB; scope UINT_MAX: all links together. */
  nvlinkSent: { id: 138, scope: 0xffffffff },
  nvlinkReceived: { id: 139, scope: 0xffffffff },
  pcieSent: { id: 197, scope: 0 },
  pcieReceived: { id: 198, scope: 0 },
} as const;
export type FieldName = keyof typeof FIELDS;

/** nvmlValueType_t → how the 8 bytes of the value are read. */
export const VALUE_READERS: readonly ((buffer: Buffer, offset: number) => number)[] = [
  (buffer, offset) => buffer.readDoubleLE(offset),
  (buffer, offset) => buffer.readUInt32LE(offset),
  (buffer, offset) => Number(buffer.readBigUInt64LE(offset)),
  (buffer, offset) => Number(buffer.readBigUInt64LE(offset)),
  (buffer, offset) => Number(buffer.readBigInt64LE(offset)),
  (buffer, offset) => buffer.readInt32LE(offset),
  (buffer, offset) => buffer.readUInt16LE(offset),
];

/** Bits of nvmlDeviceGetCurrentClocksEventReasons. */
export const CLOCK_EVENTS = {
  power_cap: 0x4n,
  hw_slowdown: 0x8n,
  sw_thermal: 0x20n,
  hw_thermal: 0x40n,
  power_brake: 0x80n,
} as const;

export const EVENT_XID = 0x8n;
