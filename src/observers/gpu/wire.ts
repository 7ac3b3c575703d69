import type { GpuDevice, GpuIdentity, GpuReadings, GpuSample, GpuState } from './sample.ts';

/** A device as it differs from the sample before. */
interface DeviceDelta {
  readonly id: string;
  /** Only when it is new or has changed. */
  readonly identity?: GpuIdentity;
  readonly state: GpuState;
  readonly reason?: string;
  /** Readings with another value than before. */
  readonly set?: GpuReadings;
  /** Readings that are no longer there. */
  readonly gone?: readonly (keyof GpuReadings)[];
  readonly xids?: readonly number[];
  readonly processes?: GpuDevice['processes'];
}

/** A sample as it goes from the sampler to the program: most readings stay as they are from one second to the next. */
export interface SampleDelta extends Omit<GpuSample, 'devices'> {
  /** Does not build on a sample before. */
  readonly whole: boolean;
  readonly devices: readonly DeviceDelta[];
}

interface Remembered {
  identity: GpuIdentity;
  readings: GpuReadings;
}

/** Makes deltas; one for each sampler process. The first is whole. */
export class SampleEncoder {
  #known = new Map<string, Remembered>();
  #first = true;

  encode(sample: GpuSample): SampleDelta {
    const known = new Map<string, Remembered>();
    const devices = sample.devices.map((device): DeviceDelta => {
      const { identity, readings, ...rest } = device;
      const before = this.#known.get(identity.id);
      known.set(identity.id, { identity, readings });
      const set = changed(readings, before?.readings);
      const gone = before ? missing(readings, before.readings) : [];
      return {
        id: identity.id,
        ...rest,
        ...(before?.identity !== identity && !same(before?.identity, identity) && { identity }),
        ...(set && { set }),
        ...(gone.length > 0 && { gone }),
      };
    });
    this.#known = known;
    const whole = this.#first;
    this.#first = false;
    return { ...sample, devices, whole };
  }
}

/** Makes samples of deltas. The identity of a device stays the same object as long as it does not change. */
export class SampleDecoder {
  #known = new Map<string, Remembered>();

  /** Undefined for a delta whose sample before is not known: the next whole one is to be waited for. */
  decode(delta: SampleDelta): GpuSample | undefined {
    const before = delta.whole ? new Map<string, Remembered>() : this.#known;
    const known = new Map<string, Remembered>();
    const devices: GpuDevice[] = [];
    for (const { id, identity: sent, set, gone, ...rest } of delta.devices) {
      const last = before.get(id);
      const identity = sent ?? last?.identity;
      if (!identity) return undefined;
      const readings = { ...last?.readings, ...set };
      for (const key of gone ?? []) delete readings[key];
      known.set(id, { identity, readings });
      devices.push({ identity, readings, ...rest });
    }
    this.#known = known;
    const { whole: _, devices: __, ...rest } = delta;
    return { ...rest, devices };
  }
}

function changed(now: GpuReadings, before: GpuReadings | undefined): GpuReadings | undefined {
  let set: Record<string, unknown> | undefined;
  for (const key of Object.keys(now) as (keyof GpuReadings)[]) {
    if (!same(now[key], before?.[key])) (set ??= {})[key] = now[key];
  }
  return set;
}

function missing(now: GpuReadings, before: GpuReadings): (keyof GpuReadings)[] {
  return (Object.keys(before) as (keyof GpuReadings)[]).filter((key) => now[key] === undefined);
}

/** Numbers, texts, and small plain objects of them. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b);
}
