import { type GpuDevice, type GpuIdentity, type GpuReadings, type GpuSample, stateOf } from '../sample.ts';
import { DriverTrouble, type GpuSource } from '../source.ts';
import { isDriverTrouble, isForGood, isLost, NVML, nvmlErrorText } from './codes.ts';
import { cText, enumerate, type NvmlDevice } from './devices.ts';
import { EVENT_XID, LAYOUT, TEXT } from './layout.ts';
import type { NvmlLibrary } from './library.ts';
import { FAST, MIG, readProcesses, SLOW } from './readings.ts';

/** A GPU that has vanished is shown as failed for so many slow polls, then forgotten. */
const REMEMBER_FAILED = 10;
/** Driver events taken in one poll, so that a storm of them does not hold it up. */
const MAX_EVENTS = 64;

export interface NvmlSourceOptions {
  readonly library: NvmlLibrary;
  /** Read memory by process. Default no: the ids are the machine's, not the container's. */
  readonly processes?: boolean;
  readonly log: (message: string) => void;
}

/** What is remembered of a device between two polls. */
interface Known {
  identity: GpuIdentity;
  /** Readings that it does not offer. */
  readonly off: Set<string>;
  /** The last readings of the slow tier: they stand until the next. */
  slow: GpuReadings;
  processes?: { pid: number; memory: number }[];
  /** Why it failed; undefined while it works. */
  failed?: string;
  missing: number;
  /** Driver errors are told of it. */
  events: boolean;
}

/** NVIDIA's GPUs through NVML. Every reading of every device stands by itself. */
export class NvmlSource implements GpuSource {
  readonly name = 'nvml';
  readonly #library: NvmlLibrary;
  readonly #options: NvmlSourceOptions;
  readonly #known = new Map<string, Known>();
  /** Id by handle, also of devices that have gone since: their last event comes late. */
  readonly #ids = new Map<bigint, string>();
  readonly #told = new Set<string>();
  readonly #versions: { driverVersion?: string; cudaVersion?: string };
  readonly #events: bigint | undefined;
  #devices: readonly NvmlDevice[] = [];

  /** @throws DriverTrouble when the driver is not there or is of another version than the library. */
  constructor(options: NvmlSourceOptions) {
    this.#options = options;
    this.#library = options.library;
    const code = this.#library.init();
    if (code !== NVML.SUCCESS) throw new DriverTrouble(nvmlErrorText(code));
    this.#versions = versionsOf(this.#library);
    this.#events = eventSet(this.#library);
    this.#enumerate();
  }

  poll(slow: boolean): GpuSample {
    // Also at once after a device was lost: its handle is of no use any more, and the others' may have changed.
    if (slow) this.#enumerate();
    const xids = this.#readEvents();
    const devices: GpuDevice[] = [];
    const failedBefore = [...this.#known.values()].filter(({ failed }) => failed !== undefined);
    for (const device of this.#devices) {
      const known = this.#known.get(device.identity.id) as Known;
      if (known.failed === undefined) devices.push(this.#read(device, known, slow, xids));
    }
    for (const known of failedBefore) devices.push(failedDevice(known, xids));
    return { source: this.name, ...this.#versions, devices };
  }

  close(): void {
    if (this.#events !== undefined) this.#library.eventSetFree(this.#events);
    this.#library.shutdown();
  }

  #read(device: NvmlDevice, known: Known, slow: boolean, xids: Map<string, number[]>): GpuDevice {
    const { identity, handle, isMig } = device;
    const fast: GpuReadings = {};
    const ok = this.#readAll(isMig ? MIG : FAST, handle, known, fast);
    if (ok && slow && !isMig) {
      const read: GpuReadings = {};
      this.#readAll(SLOW, handle, known, read);
      known.slow = read;
      if (this.#options.processes) known.processes = readProcesses(this.#library, handle);
    }
    const seen = xids.get(identity.id);
    const more = { ...(seen && { xids: seen }), ...(known.processes && { processes: known.processes }) };
    if (known.failed !== undefined) return failedDevice(known, xids);
    const readings = { ...known.slow, ...fast };
    return { identity, ...stateOf(readings), readings, ...more };
  }

  /** False when the device failed. @throws DriverTrouble */
  #readAll(table: typeof FAST, handle: bigint, known: Known, into: GpuReadings): boolean {
    for (const [name, read] of Object.entries(table)) {
      if (known.off.has(name)) continue;
      const code = read(this.#library, handle, into);
      if (code === NVML.SUCCESS) continue;
      if (isDriverTrouble(code)) throw new DriverTrouble(nvmlErrorText(code));
      this.#tell(known.identity, code, name);
      if (isLost(code)) {
        known.failed = nvmlErrorText(code);
        known.slow = {};
        delete known.processes;
        return false;
      }
      if (isForGood(code)) known.off.add(name);
    }
    return true;
  }

  #enumerate(): void {
    const { devices, refused } = enumerate(this.#library);
    this.#devices = devices;
    for (const [index, code] of refused) this.#tell({ index }, code, 'opening it');
    const present = new Set(devices.map(({ identity }) => identity.id));
    for (const device of devices) {
      const { identity } = device;
      this.#ids.set(device.handle, identity.id);
      const known = this.#known.get(identity.id);
      if (!known) {
        this.#known.set(identity.id, { identity, off: new Set(), slow: {}, missing: 0, events: false });
      } else {
        known.identity = identity;
        known.missing = 0;
        // Once more: it may have been reset.
        delete known.failed;
      }
      if (!device.isMig) this.#register(device);
    }
    for (const [id, known] of this.#known) {
      if (present.has(id)) continue;
      // A MIG device that is not there any more was taken apart, which is no failure.
      if (known.identity.parent !== undefined || ++known.missing > REMEMBER_FAILED) {
        this.#known.delete(id);
      } else {
        known.failed ??= 'no longer listed by the driver';
        known.slow = {};
        known.events = false;
      }
    }
  }

  #register({ identity, handle }: NvmlDevice): void {
    const known = this.#known.get(identity.id) as Known;
    if (this.#events === undefined || known.events) return;
    known.events = this.#library.registerEvents(handle, EVENT_XID, this.#events) === NVML.SUCCESS;
  }

  /** Driver errors since the last poll, by device. Asked without waiting. */
  #readEvents(): Map<string, number[]> {
    const found = new Map<string, number[]>();
    if (this.#events === undefined) return found;
    const data = Buffer.alloc(LAYOUT.eventData.size);
    for (let i = 0; i < MAX_EVENTS; i++) {
      if (this.#library.eventSetWait(this.#events, data, 0) !== NVML.SUCCESS) break;
      if ((data.readBigUInt64LE(LAYOUT.eventData.eventType) & EVENT_XID) === 0n) continue;
      const handle = data.readBigUInt64LE(LAYOUT.eventData.device);
      const id = this.#ids.get(handle);
      if (id === undefined) continue;
      const xids = found.get(id) ?? [];
      xids.push(Number(data.readBigUInt64LE(LAYOUT.eventData.eventData)));
      found.set(id, xids);
    }
    return found;
  }

  /** Each kind of trouble of each device once. */
  #tell(device: { index?: number; migIndex?: string }, code: number, what: string): void {
    if (isForGood(code)) return;
    const key = `${device.index ?? device.migIndex} ${code}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.log(`GPU ${device.index ?? device.migIndex}: ${what}: ${nvmlErrorText(code)}`);
  }
}

function failedDevice(
  { identity, failed = '' }: Known,
  xids: ReadonlyMap<string, readonly number[]>,
): GpuDevice {
  const seen = xids.get(identity.id);
  return { identity, state: 'failed', reason: failed, readings: {}, ...(seen && { xids: seen }) };
}

function versionsOf(library: NvmlLibrary): { driverVersion?: string; cudaVersion?: string } {
  const versions: { driverVersion?: string; cudaVersion?: string } = {};
  const text = Buffer.alloc(TEXT.driver);
  if (library.driverVersion(text, text.length) === NVML.SUCCESS) versions.driverVersion = cText(text, 0);
  const cuda = Buffer.alloc(4);
  if (library.cudaVersion(cuda) === NVML.SUCCESS) {
    const version = cuda.readInt32LE(0); // 1000 x major + 10 x minor
    versions.cudaVersion = `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
  }
  return versions;
}

function eventSet(library: NvmlLibrary): bigint | undefined {
  const set = Buffer.alloc(8);
  return library.eventSetCreate(set) === NVML.SUCCESS ? set.readBigUInt64LE(0) : undefined;
}
