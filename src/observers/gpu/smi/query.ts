import { type GpuDevice, type GpuReadings, stateOf, THROTTLE_REASONS } from '../sample.ts';
import { CLOCK_EVENTS } from '../nvml/layout.ts';
import { type Convert, UNIT } from '../units.ts';

type Put = (readings: GpuReadings, value: number) => void;
const into =
  (key: keyof GpuReadings, convert: Convert): Put =>
  (readings, value) => {
    (readings as Record<string, number>)[key] = convert(value);
  };

/** Fields that say which device it is; always asked for, in this order. */
const IDENTITY = ['index', 'uuid', 'name', 'pci.bus_id', 'driver_version', 'serial'] as const;
/** Field of `nvidia-smi --query-gpu` → reading. Units with `nounits`: %, MiB, degrees, W, MHz. */
const READINGS: Readonly<Record<string, Put>> = {
  'utilization.gpu': into('utilization', UNIT.percent),
  'utilization.memory': into('memoryController', UNIT.percent),
  'memory.total': into('memoryTotal', UNIT.mebi),
  'memory.used': into('memoryUsed', UNIT.mebi),
  'temperature.gpu': into('temperature', UNIT.plain),
  'temperature.memory': into('memoryTemperature', UNIT.plain),
  'power.draw': into('power', UNIT.plain),
  'enforced.power.limit': into('powerLimit', UNIT.plain),
  'clocks.gr': into('graphicsClock', UNIT.mega),
  'clocks.sm': into('smClock', UNIT.mega),
  'clocks.mem': into('memoryClock', UNIT.mega),
  'fan.speed': into('fan', UNIT.percent),
  'clocks_throttle_reasons.active': (readings, value) => {
    readings.throttle = THROTTLE_REASONS.filter((reason) => (BigInt(value) & CLOCK_EVENTS[reason]) !== 0n);
  },
  'ecc.errors.corrected.volatile.total': into('eccCorrected', UNIT.plain),
  'ecc.errors.uncorrected.volatile.total': into('eccUncorrected', UNIT.plain),
};

/** Every field that can be asked for. */
export const SMI_FIELDS: readonly string[] = [...IDENTITY, ...Object.keys(READINGS)];

export function smiArguments(fields: readonly string[], intervalMs: number): string[] {
  return [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits', '-lms', String(intervalMs)];
}

/** The field that this nvidia-smi does not know, of what it says; undefined for other errors. */
export function unknownField(output: string): string | undefined {
  return /Field "([^"]+)" is not a valid field/.exec(output)?.[1];
}

export interface SmiLine {
  readonly device: GpuDevice;
  readonly driverVersion: string;
}

/** One line of CSV; undefined for what is none. `[N/A]`, `[Not Supported]`, `[Unknown Error]` are no values. */
export function parseSmiLine(line: string, fields: readonly string[]): SmiLine | undefined {
  const values = line.split(',').map((value) => value.trim());
  if (values.length !== fields.length) return undefined;
  const at = (field: string): string => values[fields.indexOf(field)] ?? '';
  const index = Number(at('index'));
  const id = at('uuid');
  if (!Number.isInteger(index) || at('index') === '' || !id.startsWith('GPU-')) return undefined;
  const readings: GpuReadings = {};
  let lost = 0;
  fields.forEach((field, i) => {
    const text = values[i] as string;
    if (/^\[(?:GPU is lost|Unknown Error|GPU requires reset)\]$/i.test(text)) lost++;
    const value = text === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value)) READINGS[field]?.(readings, value);
  });
  const serial = at('serial');
  const identity = {
    id,
    index,
    vendor: 'NVIDIA',
    name: at('name'),
    ...(/^\w+$/.test(serial) && { serial }),
    pciAddress: at('pci.bus_id')
      .replace(/^0000(?=\w{4}:)/, '')
      .toLowerCase(),
  } as const;
  const driverVersion = at('driver_version');
  // Nothing but errors: it has fallen off the bus.
  if (lost > 0 && Object.keys(readings).length === 0)
    return {
      driverVersion,
      device: { identity, state: 'failed', reason: 'nvidia-smi cannot read it', readings },
    };
  return { driverVersion, device: { identity, ...stateOf(readings), readings } };
}
