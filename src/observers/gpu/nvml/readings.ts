import { type GpuReadings, THROTTLE_REASONS } from '../sample.ts';
import { isForGood, NVML } from './codes.ts';
import { CLOCK_EVENTS, type FieldName, FIELDS, LAYOUT, structVersion, VALUE_READERS } from './layout.ts';
import { type Convert, UNIT } from '../units.ts';
import type { NvmlFunction, NvmlLibrary } from './library.ts';

/** What a call answered with; `done` puts the values into the readings. */
type Read = (library: NvmlLibrary, handle: bigint, into: GpuReadings) => number;

/** Buffers are reused: calls are made one after the other. */
const four = Buffer.alloc(4);
const four2 = Buffer.alloc(4);
const four3 = Buffer.alloc(4);
const four4 = Buffer.alloc(4);
const eight = Buffer.alloc(8);
const utilization = Buffer.alloc(LAYOUT.utilization.size);
const memory = Buffer.alloc(LAYOUT.memory.size);
const memoryV2 = Buffer.alloc(LAYOUT.memoryV2.size);
const temperature = Buffer.alloc(LAYOUT.temperature.size);

const MEMORY_V2 = structVersion(LAYOUT.memoryV2.size, 2);
const TEMPERATURE_V1 = structVersion(LAYOUT.temperature.size, 1);
/** 2^64 - 1: not available. */
const NONE = 0xffffffffffffffffn;

/** One unsigned int. */
const uint =
  (
    call: (library: NvmlLibrary) => NvmlFunction,
    key: keyof GpuReadings,
    convert: Convert,
    ...before: number[]
  ): Read =>
  (library, handle, into) => {
    const code = call(library)(handle, ...before, four);
    if (code === NVML.SUCCESS) (into as Record<string, number>)[key] = convert(four.readUInt32LE(0));
    return code;
  };

const eccErrors =
  (key: 'eccCorrected' | 'eccUncorrected', type: number): Read =>
  (library, handle, into) => {
    const code = library.eccErrors(handle, type, 0, eight); // 0: since the driver was loaded
    if (code === NVML.SUCCESS) into[key] = Number(eight.readBigUInt64LE(0));
    return code;
  };

/** Falls back to the older structure, which counts what is reserved as used. */
const memoryRead: Read = (library, handle, into) => {
  memoryV2.writeUInt32LE(MEMORY_V2, LAYOUT.memoryV2.version);
  let code = library.memoryV2(handle, memoryV2);
  if (code === NVML.SUCCESS) {
    into.memoryTotal = Number(memoryV2.readBigUInt64LE(LAYOUT.memoryV2.total));
    into.memoryUsed = Number(memoryV2.readBigUInt64LE(LAYOUT.memoryV2.used));
  } else if (code === NVML.ARGUMENT_VERSION_MISMATCH || code === NVML.FUNCTION_NOT_FOUND) {
    code = library.memory(handle, memory);
    if (code === NVML.SUCCESS) {
      into.memoryTotal = Number(memory.readBigUInt64LE(LAYOUT.memory.total));
      into.memoryUsed = Number(memory.readBigUInt64LE(LAYOUT.memory.used));
    }
  }
  return code;
};

/** The function of API 13, then the one that it replaces. */
const temperatureRead: Read = (library, handle, into) => {
  temperature.writeUInt32LE(TEMPERATURE_V1, LAYOUT.temperature.version);
  temperature.writeUInt32LE(0, LAYOUT.temperature.sensor);
  let code = library.temperatureV(handle, temperature);
  if (code === NVML.SUCCESS) {
    into.temperature = temperature.readInt32LE(LAYOUT.temperature.temperature);
  } else if (isForGood(code) || code === NVML.ARGUMENT_VERSION_MISMATCH || code === NVML.INVALID_ARGUMENT) {
    code = library.temperature(handle, 0, four);
    if (code === NVML.SUCCESS) into.temperature = four.readUInt32LE(0);
  }
  return code;
};

/** Every second: one name for each call, so that one that a device lacks is left off for that device alone. */
export const FAST: Readonly<Record<string, Read>> = {
  memory: memoryRead,
  utilization: (library, handle, into) => {
    const code = library.utilization(handle, utilization);
    if (code === NVML.SUCCESS) {
      into.utilization = utilization.readUInt32LE(LAYOUT.utilization.gpu) / 100;
      into.memoryController = utilization.readUInt32LE(LAYOUT.utilization.memory) / 100;
    }
    return code;
  },
  temperature: temperatureRead,
  power: uint((library) => library.power, 'power', UNIT.milli),
  energy: (library, handle, into) => {
    const code = library.energy(handle, eight);
    if (code === NVML.SUCCESS) into.energy = Number(eight.readBigUInt64LE(0)) / 1000;
    return code;
  },
  graphicsClock: uint((library) => library.clock, 'graphicsClock', UNIT.mega, 0),
  smClock: uint((library) => library.clock, 'smClock', UNIT.mega, 1),
  memoryClock: uint((library) => library.clock, 'memoryClock', UNIT.mega, 2),
  clockEvents: (library, handle, into) => {
    const code = library.clockEvents(handle, eight);
    if (code === NVML.SUCCESS) {
      const mask = eight.readBigUInt64LE(0);
      into.throttle = THROTTLE_REASONS.filter((reason) => (mask & CLOCK_EVENTS[reason]) !== 0n);
    }
    return code;
  },
};

/** Every 30 s. */
export const SLOW: Readonly<Record<string, Read>> = {
  powerLimit: uint((library) => library.powerLimit, 'powerLimit', UNIT.milli),
  fan: uint((library) => library.fan, 'fan', UNIT.percent),
  encoder: codec('encoder'),
  decoder: codec('decoder'),
  eccCorrected: eccErrors('eccCorrected', 0),
  eccUncorrected: eccErrors('eccUncorrected', 1),
  remappedRows: (library, handle, into) => {
    const code = library.remappedRows(handle, four, four2, four3, four4);
    if (code === NVML.SUCCESS) {
      into.remappedCorrectable = four.readUInt32LE(0);
      into.remappedUncorrectable = four2.readUInt32LE(0);
      into.remapPending = four3.readUInt32LE(0) !== 0;
      into.remapFailed = four4.readUInt32LE(0) !== 0;
    }
    return code;
  },
  fields: fieldsRead(),
};

/** A MIG device has memory of its own, and nothing else that can be read per device. */
export const MIG: Readonly<Record<string, Read>> = { memory: memoryRead };

function codec(key: 'encoder' | 'decoder'): Read {
  return (library, handle, into) => {
    const code = library[key](handle, four, four2);
    if (code === NVML.SUCCESS) into[key] = four.readUInt32LE(0) / 100;
    return code;
  };
}

/** Several fields by one call; each has a result of its own. Byte counters, since nvmlDeviceGetPcieThroughput blocks for 20 ms. */
function fieldsRead(): Read {
  const wanted = Object.entries(FIELDS) as [FieldName, (typeof FIELDS)[FieldName]][];
  const { size, id, scope, valueType, result, value } = LAYOUT.fieldValue;
  const buffer = Buffer.alloc(size * wanted.length);
  return (library, handle, into) => {
    buffer.fill(0);
    wanted.forEach(([, field], i) => {
      buffer.writeUInt32LE(field.id, i * size + id);
      buffer.writeUInt32LE(field.scope, i * size + scope);
    });
    const code = library.fieldValues(handle, wanted.length, buffer);
    if (code !== NVML.SUCCESS) return code;
    wanted.forEach(([name], i) => {
      if (buffer.readInt32LE(i * size + result) !== NVML.SUCCESS) return;
      const read = VALUE_READERS[buffer.readUInt32LE(i * size + valueType)];
      const number = read?.(buffer, i * size + value);
      if (number === undefined) return;
      if (name === 'memoryTemperature' && number === 0) return; // no such sensor
      into[name] = name.startsWith('nvlink') ? number * 1024 : number;
    });
    return code;
  };
}

const count = Buffer.alloc(4);
const MAX_PROCESSES = 256;
const processes = Buffer.alloc(LAYOUT.processInfo.size * MAX_PROCESSES);

/** Memory by process id of the machine (in a container not the ids that it sees); undefined where it cannot be had. */
export function readProcesses(
  library: NvmlLibrary,
  handle: bigint,
): { pid: number; memory: number }[] | undefined {
  count.writeUInt32LE(MAX_PROCESSES, 0);
  if (library.processes(handle, count, processes) !== NVML.SUCCESS) return undefined;
  const { size, pid, memory: used } = LAYOUT.processInfo;
  const found: { pid: number; memory: number }[] = [];
  for (let i = 0; i < Math.min(count.readUInt32LE(0), MAX_PROCESSES); i++) {
    const bytes = processes.readBigUInt64LE(i * size + used);
    if (bytes !== NONE) found.push({ pid: processes.readUInt32LE(i * size + pid), memory: Number(bytes) });
  }
  return found;
}
