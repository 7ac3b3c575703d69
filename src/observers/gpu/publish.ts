import type { Attributes, HrTime } from '@opentelemetry/api';
import { ATTR, METRIC, type MetricDefinition } from '../../conventions/index.ts';
import type { Published } from '../published.ts';
import { EnergyTotals } from './energy.ts';
import {
  GPU_STATES,
  type GpuDevice,
  type GpuIdentity,
  type GpuReadings,
  type GpuSample,
  type GpuState,
  THROTTLE_REASONS,
  type ThrottleReason,
} from './sample.ts';

/** What is known beside the sample. */
export interface GpuContext {
  /** When the sample was taken, in milliseconds since 1970. */
  readonly time: number;
  /** Driver errors by device and kind, since the observer started. */
  readonly xids: ReadonlyMap<string, ReadonlyMap<number, number>>;
  readonly assigned: ReadonlyMap<string, boolean>;
}

/** Since when totals count: those of the driver, as far as can be known, since the machine started. */
export interface GpuStarts {
  readonly machine: HrTime;
  readonly observer: HrTime;
}

type Gauge = readonly [
  key: keyof GpuReadings,
  definition: MetricDefinition,
  attributes?: Attributes,
  sampled?: boolean,
];

const sensor = (location: string): Attributes => ({ [ATTR.hwSensorLocation]: location });
const task = (name: string): Attributes => ({ [ATTR.gpuTask]: name });
const clock = (domain: string): Attributes => ({ [ATTR.gpuClockDomain]: domain });
const error = (type: string): Attributes => ({ [ATTR.errorType]: type });
const direction = (name: string): Attributes => ({ [ATTR.networkDirection]: name });

const GAUGES: readonly Gauge[] = [
  ['utilization', METRIC.gpuUtilization, task('general'), true],
  ['encoder', METRIC.gpuUtilization, task('encoder')],
  ['decoder', METRIC.gpuUtilization, task('decoder')],
  ['memoryController', METRIC.gpuMemoryController, {}, true],
  ['memoryUsed', METRIC.gpuMemoryUsage, {}, true],
  ['memoryTotal', METRIC.gpuMemoryLimit],
  ['temperature', METRIC.hwTemperature, sensor('gpu'), true],
  ['hotspotTemperature', METRIC.hwTemperature, sensor('hotspot')],
  ['memoryTemperature', METRIC.hwTemperature, sensor('memory')],
  ['power', METRIC.hwPower, {}, true],
  ['powerLimit', METRIC.hwPowerLimit],
  ['graphicsClock', METRIC.gpuSpeed, clock('graphics')],
  ['smClock', METRIC.gpuSpeed, clock('sm')],
  ['memoryClock', METRIC.gpuSpeed, clock('memory')],
  ['fan', METRIC.hwFanSpeedRatio],
  ['fanRpm', METRIC.hwFanSpeed],
  ['remappedCorrectable', METRIC.gpuRemappedRows, error('corrected')],
  ['remappedUncorrectable', METRIC.gpuRemappedRows, error('uncorrected')],
];
const TOTALS: readonly Gauge[] = [
  ['eccCorrected', METRIC.hwErrors, error('corrected')],
  ['eccUncorrected', METRIC.hwErrors, error('uncorrected')],
  ['pcieSent', METRIC.gpuIo, direction('transmit')],
  ['pcieReceived', METRIC.gpuIo, direction('receive')],
  ['nvlinkSent', METRIC.gpuInterconnectIo, direction('transmit')],
  ['nvlinkReceived', METRIC.gpuInterconnectIo, direction('receive')],
];

/** One series of a device, with its key and its attributes made once. */
interface Series {
  readonly key: keyof GpuReadings;
  readonly definition: MetricDefinition;
  readonly name: string;
  readonly sampled: boolean;
  readonly attributes: () => Attributes;
}
/** Every series that a device may have. */
interface Plan {
  readonly identity: GpuIdentity;
  readonly assigned: boolean | undefined;
  readonly driverVersion: string | undefined;
  readonly gauges: readonly Series[];
  readonly totals: readonly Series[];
  readonly throttle: readonly (readonly [
    reason: ThrottleReason,
    name: string,
    attributes: () => Attributes,
  ])[];
  readonly states: readonly (readonly [state: GpuState, name: string, attributes: () => Attributes])[];
  readonly attributes: () => Attributes;
}

type Versions = { [Key in 'driverVersion' | 'cudaVersion']: string | undefined };

const UP = () => ({ [ATTR.observerName]: 'gpu' });

/** Puts samples into the instruments. */
export class GpuPublisher {
  readonly #published: Published;
  readonly #starts: GpuStarts;
  readonly #energy = new EnergyTotals();
  readonly #plans = new Map<string, Plan>();

  constructor(published: Published, starts: GpuStarts) {
    this.#published = published;
    this.#starts = starts;
  }

  /** A failed device keeps its `hw.status` and its error counts only. */
  publish(sample: GpuSample, context: GpuContext): void {
    const published = this.#published;
    published.begin(hrTimeOf(context.time));
    for (const device of sample.devices) this.#publishDevice(device, sample, context);
    published.set(METRIC.observerUp, '', 1, UP);
    published.end();
  }

  #publishDevice(device: GpuDevice, sample: GpuSample, context: GpuContext): void {
    const published = this.#published;
    const { machine, observer } = this.#starts;
    const { identity, state, readings } = device;
    const { id } = identity;
    const plan = this.#planOf(identity, context.assigned.get(id), sample);

    for (const { key, definition, name, sampled, attributes } of plan.gauges) {
      const value = readings[key] as number | undefined;
      if (value === undefined) continue;
      if (sampled) published.sampled(definition, name, value, attributes);
      else published.set(definition, name, value, attributes);
    }
    const { memoryUsed, memoryTotal, throttle: held } = readings;
    if (memoryUsed !== undefined && memoryTotal)
      published.set(METRIC.gpuMemoryUtilization, id, memoryUsed / memoryTotal, plan.attributes);
    if (held) {
      for (const [reason, name, attributes] of plan.throttle)
        published.set(METRIC.gpuThrottled, name, held.includes(reason) ? 1 : 0, attributes);
    }
    for (const { key, definition, name, attributes } of plan.totals)
      published.total(definition, name, readings[key] as number | undefined, attributes, machine);
    const joules = this.#energy.update(id, readings, context.time);
    published.total(METRIC.hwEnergy, id, joules, plan.attributes, observer);
    for (const [xid, count] of context.xids.get(id) ?? []) {
      const attributes = () => ({ ...plan.attributes(), ...error(`xid_${xid}`) });
      published.total(METRIC.hwErrors, `${id} xid_${xid}`, count, attributes, observer);
    }
    for (const { pid, memory } of device.processes ?? []) {
      const attributes = () => ({ ...plan.attributes(), [ATTR.processPid]: pid });
      published.set(METRIC.gpuProcessMemory, `${id} ${pid}`, memory, attributes);
    }
    for (const [known, name, attributes] of plan.states)
      published.set(METRIC.hwStatus, name, known === state ? 1 : 0, attributes);
  }

  #planOf(identity: GpuIdentity, assigned: boolean | undefined, sample: GpuSample): Plan {
    const { driverVersion, cudaVersion } = sample;
    const known = this.#plans.get(identity.id);
    if (known?.identity === identity && known.assigned === assigned && known.driverVersion === driverVersion)
      return known;
    const plan = planOf(identity, assigned, { driverVersion, cudaVersion });
    this.#plans.set(identity.id, plan);
    return plan;
  }
}

function planOf(identity: GpuIdentity, assigned: boolean | undefined, versions: Versions): Plan {
  const { id } = identity;
  const common = attributesOf(identity, assigned);
  const inventory = inventoryOf(identity, versions);
  const series = ([key, definition, extra, sampled = false]: Gauge): Series => {
    const attributes = { ...common, ...extra };
    return { key, definition, name: `${id} ${key}`, sampled, attributes: () => attributes };
  };
  return {
    identity,
    assigned,
    driverVersion: versions.driverVersion,
    gauges: GAUGES.map(series),
    totals: TOTALS.map(series),
    throttle: THROTTLE_REASONS.map((reason) => {
      const attributes = { ...common, [ATTR.gpuThrottleReason]: reason };
      return [reason, `${id} ${reason}`, () => attributes] as const;
    }),
    states: GPU_STATES.map((state) => {
      const attributes = { ...common, ...inventory, [ATTR.hwState]: state };
      return [state, `${id} ${state}`, () => attributes] as const;
    }),
    attributes: () => common,
  };
}

/** On every point of a device. */
function attributesOf(identity: GpuIdentity, assigned: boolean | undefined): Attributes {
  const { id, index, migIndex, parent, name } = identity;
  return {
    [ATTR.hwId]: id,
    [ATTR.hwType]: 'gpu',
    [ATTR.hwName]: name,
    ...(index !== undefined && { [ATTR.gpuIndex]: index }),
    ...(migIndex !== undefined && { [ATTR.gpuMigIndex]: migIndex }),
    ...(parent !== undefined && { [ATTR.hwParent]: parent }),
    ...(assigned !== undefined && { [ATTR.gpuAssigned]: assigned }),
  };
}

/** On `hw.status` only: what does not change. */
function inventoryOf(identity: GpuIdentity, { driverVersion, cudaVersion }: Versions): Attributes {
  const { vendor, name, serial, pciAddress } = identity;
  return {
    [ATTR.hwVendor]: vendor,
    [ATTR.hwModel]: name,
    ...(serial !== undefined && { [ATTR.hwSerialNumber]: serial }),
    ...(pciAddress !== undefined && { [ATTR.gpuPciAddress]: pciAddress }),
    ...(driverVersion !== undefined && { [ATTR.hwDriverVersion]: driverVersion }),
    ...(cudaVersion !== undefined && { [ATTR.hostCudaVersion]: cudaVersion }),
  };
}

export function hrTimeOf(milliseconds: number): HrTime {
  const whole = Math.floor(milliseconds / 1000);
  return [whole, Math.round((milliseconds - whole * 1000) * 1e6)];
}
