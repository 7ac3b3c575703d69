import type { Attributes, HrTime } from '@opentelemetry/api';
import { ATTR, METRIC, type MetricDefinition } from '../../conventions/index.ts';
import type { Published } from '../published.ts';
import type { EnergyTotals } from './energy.ts';
import {
  GPU_STATES,
  type GpuDevice,
  type GpuIdentity,
  type GpuReadings,
  type GpuSample,
  THROTTLE_REASONS,
} from './sample.ts';

/** What is known beside the sample. */
export interface GpuContext {
  /** When the sample was taken, in milliseconds since 1970. */
  readonly time: number;
  readonly energy: EnergyTotals;
  /** Driver errors by device and kind, since the observer started. */
  readonly xids: ReadonlyMap<string, ReadonlyMap<number, number>>;
  readonly assigned: ReadonlyMap<string, boolean>;
  /** Since when the driver's totals count, as far as can be known: the machine's start. */
  readonly machineStart: HrTime;
  readonly observerStart: HrTime;
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

/** Puts a sample into the instruments. A failed device keeps its `hw.status` and its error counts only. */
export function publishGpus(published: Published, sample: GpuSample, context: GpuContext): void {
  published.begin(hrTimeOf(context.time));
  for (const device of sample.devices) publishDevice(published, device, sample, context);
  published.set(METRIC.observerUp, '', 1, () => ({ [ATTR.observerName]: 'gpu' }));
  published.end();
}

function publishDevice(
  published: Published,
  device: GpuDevice,
  sample: GpuSample,
  context: GpuContext,
): void {
  const { identity, state, readings } = device;
  const { id } = identity;
  const with_ = (extra?: Attributes) => () => ({ ...attributesOf(identity, context), ...extra });

  for (const [key, definition, extra, sampled] of GAUGES) {
    const value = readings[key] as number | undefined;
    const name = `${id} ${key}`;
    if (sampled) published.sampled(definition, name, value, with_(extra));
    else published.set(definition, name, value, with_(extra));
  }
  const { memoryUsed, memoryTotal } = readings;
  if (memoryUsed !== undefined && memoryTotal)
    published.set(METRIC.gpuMemoryUtilization, id, memoryUsed / memoryTotal, with_());
  if (readings.throttle) {
    for (const reason of THROTTLE_REASONS) {
      const held = readings.throttle.includes(reason) ? 1 : 0;
      published.set(
        METRIC.gpuThrottled,
        `${id} ${reason}`,
        held,
        with_({ [ATTR.gpuThrottleReason]: reason }),
      );
    }
  }
  for (const [key, definition, extra] of TOTALS) {
    const value = readings[key] as number | undefined;
    published.total(definition, `${id} ${key}`, value, with_(extra), context.machineStart);
  }
  const joules = context.energy.update(id, readings, context.time);
  published.total(METRIC.hwEnergy, id, joules, with_(), context.observerStart);
  for (const [xid, count] of context.xids.get(id) ?? []) {
    published.total(
      METRIC.hwErrors,
      `${id} xid_${xid}`,
      count,
      with_(error(`xid_${xid}`)),
      context.observerStart,
    );
  }
  for (const { pid, memory } of device.processes ?? []) {
    published.set(METRIC.gpuProcessMemory, `${id} ${pid}`, memory, with_({ [ATTR.processPid]: pid }));
  }
  const inventory = inventoryOf(identity, sample);
  for (const known of GPU_STATES) {
    const extra = { ...inventory, [ATTR.hwState]: known };
    published.set(METRIC.hwStatus, `${id} ${known}`, known === state ? 1 : 0, with_(extra));
  }
}

/** On every point of a device. */
function attributesOf(identity: GpuIdentity, { assigned }: GpuContext): Attributes {
  const { id, index, migIndex, parent, name } = identity;
  const ours = assigned.get(id);
  return {
    [ATTR.hwId]: id,
    [ATTR.hwType]: 'gpu',
    [ATTR.hwName]: name,
    ...(index !== undefined && { [ATTR.gpuIndex]: index }),
    ...(migIndex !== undefined && { [ATTR.gpuMigIndex]: migIndex }),
    ...(parent !== undefined && { [ATTR.hwParent]: parent }),
    ...(ours !== undefined && { [ATTR.gpuAssigned]: ours }),
  };
}

/** On `hw.status` only: what does not change. */
function inventoryOf(identity: GpuIdentity, { driverVersion }: GpuSample): Attributes {
  const { vendor, name, serial, pciAddress } = identity;
  return {
    [ATTR.hwVendor]: vendor,
    [ATTR.hwModel]: name,
    ...(serial !== undefined && { [ATTR.hwSerialNumber]: serial }),
    ...(pciAddress !== undefined && { [ATTR.gpuPciAddress]: pciAddress }),
    ...(driverVersion !== undefined && { [ATTR.hwDriverVersion]: driverVersion }),
  };
}

export function hrTimeOf(milliseconds: number): HrTime {
  const whole = Math.floor(milliseconds / 1000);
  return [whole, Math.round((milliseconds - whole * 1000) * 1e6)];
}
