import type { GpuIdentity } from '../sample.ts';
import { isDriverTrouble, NVML, nvmlErrorText } from './codes.ts';
import { LAYOUT, TEXT } from './layout.ts';
import type { NvmlFunction, NvmlLibrary } from './library.ts';
import { DriverTrouble } from '../source.ts';

/** A GPU or a MIG device of the present enumeration. */
export interface NvmlDevice {
  readonly identity: GpuIdentity;
  readonly handle: bigint;
  /** MIG devices have fewer readings. */
  readonly isMig: boolean;
}

export interface Enumeration {
  readonly devices: readonly NvmlDevice[];
  /** Devices that are counted but cannot be opened: why, by index. */
  readonly refused: ReadonlyMap<number, number>;
}

const number = Buffer.alloc(4);
const other = Buffer.alloc(4);
const handle = Buffer.alloc(8);
const pci = Buffer.alloc(LAYOUT.pciInfo.size);

/**
 * Every GPU with its MIG devices, in the order of NVML (which may differ from CUDA's).
 * @throws DriverTrouble
 */
export function enumerate(library: NvmlLibrary): Enumeration {
  const counted = library.count(number);
  if (counted !== NVML.SUCCESS) throw new DriverTrouble(nvmlErrorText(counted));
  const total = number.readUInt32LE(0);
  const devices: NvmlDevice[] = [];
  const refused = new Map<number, number>();
  for (let index = 0; index < total; index++) {
    const code = library.handleByIndex(index, handle);
    if (code !== NVML.SUCCESS) {
      if (isDriverTrouble(code)) throw new DriverTrouble(nvmlErrorText(code));
      refused.set(index, code);
      continue;
    }
    const gpu = handle.readBigUInt64LE(0);
    const id = text(library.uuid, gpu, TEXT.uuid);
    if (id === undefined) {
      refused.set(index, NVML.GPU_IS_LOST);
      continue;
    }
    const name = text(library.name, gpu, TEXT.name) ?? 'NVIDIA GPU';
    devices.push({ identity: gpuIdentity(library, gpu, id, index, name), handle: gpu, isMig: false });
    devices.push(...migDevices(library, gpu, id, index, name));
  }
  return { devices, refused };
}

function gpuIdentity(
  library: NvmlLibrary,
  gpu: bigint,
  id: string,
  index: number,
  name: string,
): GpuIdentity {
  const serial = text(library.serial, gpu, TEXT.serial);
  const pciAddress =
    library.pciInfo(gpu, pci) === NVML.SUCCESS ? address(cText(pci, LAYOUT.pciInfo.busId)) : undefined;
  return {
    id,
    index,
    vendor: 'NVIDIA',
    name,
    ...(serial !== undefined && { serial }),
    ...(pciAddress !== undefined && { pciAddress }),
  };
}

function migDevices(
  library: NvmlLibrary,
  gpu: bigint,
  parent: string,
  index: number,
  name: string,
): NvmlDevice[] {
  if (library.migMode(gpu, number, other) !== NVML.SUCCESS || number.readUInt32LE(0) !== 1) return [];
  if (library.maxMigDevices(gpu, number) !== NVML.SUCCESS) return [];
  const most = number.readUInt32LE(0);
  const found: NvmlDevice[] = [];
  for (let i = 0; i < most; i++) {
    if (library.migHandle(gpu, i, handle) !== NVML.SUCCESS) continue; // a slot that is not in use
    const mig = handle.readBigUInt64LE(0);
    const id = text(library.uuid, mig, TEXT.uuid);
    if (id === undefined) continue;
    const identity: GpuIdentity = {
      id,
      migIndex: `${index}:${i}`,
      parent,
      vendor: 'NVIDIA',
      name: text(library.name, mig, TEXT.name) ?? name,
    };
    found.push({ identity, handle: mig, isMig: true });
  }
  return found;
}

/** A text that a function writes into a buffer. */
function text(call: NvmlFunction, device: bigint, length: number): string | undefined {
  const buffer = Buffer.alloc(length);
  return call(device, buffer, length) === NVML.SUCCESS ? cText(buffer, 0) || undefined : undefined;
}

export function cText(buffer: Buffer, from: number): string {
  const end = buffer.indexOf(0, from);
  return buffer.toString('latin1', from, end < 0 ? buffer.length : end);
}

/** `00000000:3B:00.0` as the kernel writes it: `0000:3b:00.0`. */
function address(busId: string): string | undefined {
  const match = /^(?:0000)?([0-9A-F]{4}:[0-9A-F]{2}:[0-9A-F]{2}\.[0-9A-F])$/i.exec(busId);
  return match?.[1]?.toLowerCase() ?? (busId || undefined);
}
