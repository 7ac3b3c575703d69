import type { CatalogueEntry } from '../../../conventions/catalogue.ts';

/**
 * How a number with a UCUM unit is written for people. `share` is not UCUM: it marks a value between 0 and 1
 * that is shown in per cent (`1` alone cannot tell a share from a loss).
 */
export type DisplayUnit = string;

export interface Quantity {
  /** The number, with its thousands separated by narrow spaces; `NaN`, `∞` and `−∞` as such. */
  text: string;
  /** What follows the number; empty for plain numbers. */
  unit: string;
}

/** Prefixes of one unit family: from which absolute value on, what to divide by, what to write. */
type Prefix = readonly [from: number, divisor: number, unit: string];

const SECONDS: readonly Prefix[] = [
  [86_400 * 2, 86_400, 'd'],
  [7200, 3600, 'h'],
  [120, 60, 'min'],
  [1, 1, 's'],
  [1e-3, 1e-3, 'ms'],
  [0, 1e-6, 'µs'],
];
const BYTES: readonly Prefix[] = [
  [1024 ** 4, 1024 ** 4, 'TiB'],
  [1024 ** 3, 1024 ** 3, 'GiB'],
  [1024 ** 2, 1024 ** 2, 'MiB'],
  [1024, 1024, 'KiB'],
  [0, 1, 'B'],
];
const counts = (unit: string): readonly Prefix[] => [
  [1e9, 1e9, `G${unit ? ` ${unit}` : ''}`],
  [1e6, 1e6, `M${unit ? ` ${unit}` : ''}`],
  [1e4, 1e3, `k${unit ? ` ${unit}` : ''}`],
  [0, 1, unit],
];

const FAMILIES: Readonly<Record<string, readonly Prefix[]>> = {
  s: SECONDS,
  ms: SECONDS.map(([from, divisor, unit]) => [from * 1000, divisor * 1000, unit] as const),
  By: BYTES,
  'By/s': BYTES.map(([from, divisor, unit]) => [from, divisor, `${unit}/s`] as const),
  GiBy: [[0, 1, 'GiB']],
  MiBy: [[0, 1, 'MiB']],
  share: [[0, 0.01, '%']],
  '%': [[0, 1, '%']],
  Cel: [[0, 1, '°C']],
  W: [[0, 1, 'W']],
  '{token}': counts('tok'),
  '{token}/s': counts('tok/s'),
  '{sample}/s': counts('samples/s'),
  '{request}': counts('req'),
  '{request}/s': [[0, 1, 'req/s']],
  '{parameter}': counts('params'),
  '{thread}': [[0, 1, '']],
  '{process}': [[0, 1, '']],
  '{file_descriptor}': [[0, 1, '']],
};

/** The unit to show an entry's values in: a ratio and a utilization are shares, everything else as the table says. */
export function displayUnit(entry: CatalogueEntry): DisplayUnit {
  const { source } = entry;
  if (entry.unit !== '1') return entry.unit;
  if (source.from === 'ratio') return 'share';
  if (source.metric.endsWith('.utilization')) return 'share';
  return '1';
}

/** Unit of an annotation-only UCUM term (`{step}` → `step`), as a fallback for units without a family. */
const plainUnit = (unit: string): string =>
  unit === '1' ? '' : unit.replace(/^\{(.*?)\}/, '$1').replaceAll(/[{}]/g, '');

/**
 * At most three significant digits, without trailing zeros; `precise`: four, zeros kept, so that figures in a
 * column stand below each other. Exponent form outside 1e-4 … 1e15.
 */
export function formatNumber(value: number, precise = false): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e15) return trimZeros(value.toExponential(2)).replaceAll('-', '−');
  const digits = precise ? 4 : 3;
  const decimals = Math.min(20, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  const [whole = '0', fraction = ''] = Math.abs(value).toFixed(decimals).split('.');
  // Small numbers have so many digits already that zeros behind them only hide the figure.
  const kept = precise && size >= 0.01 ? fraction : fraction.replace(/0+$/, '');
  return `${value < 0 ? '−' : ''}${group(whole)}${kept === '' ? '' : `.${kept}`}`;
}

const trimZeros = (text: string): string => text.replace(/\.?0+e/, 'e');
/** Thousands apart, from ten thousand on (ISO 80000 leaves four digits together). */
const group = (digits: string): string =>
  digits.length < 5 ? digits : digits.replaceAll(/\B(?=(\d{3})+$)/g, '\u202f');

/** `{token}`, not `{token}/s`. */
const COUNTED = /^\{[^}]*\}$/;

/** Writes `value` (in `unit`) with a fitting prefix: 0.85 `s` → 850 ms, 3.2e9 `By` → 2.98 GiB. */
export function quantity(value: number, unit: DisplayUnit, precise = false): Quantity {
  const family = FAMILIES[unit];
  if (!Number.isFinite(value)) return { text: formatNumber(value), unit: '' };
  if (family === undefined) return { text: formatNumber(value, precise), unit: plainUnit(unit) };
  if (value === 0) return { text: '0', unit: zeroUnit(unit, family) };
  const size = Math.abs(value);
  const prefix = family.find(([from]) => size >= from) ?? family.at(-1);
  const [, divisor, unitText] = prefix ?? [0, 1, ''];
  const [multiple, rest] = splitMultiple(unitText);
  // What is counted has no digits behind the point to stand below each other.
  if (divisor === 1 && Number.isInteger(value) && COUNTED.test(unit))
    return { text: formatNumber(value), unit: rest };
  return { text: `${formatNumber(value / divisor, precise)}${multiple}`, unit: rest };
}

/** `k tok` → `k`, which is written at the number, and `tok`, which follows it. */
const splitMultiple = (unit: string): [multiple: string, rest: string] => {
  const match = /^([kMG])(?: |$)(.*)$/.exec(unit);
  return match === null ? ['', unit] : [match[1] ?? '', match[2] ?? ''];
};

/** Nothing has no magnitude: zero seconds are `0 s`, not `0 µs`. */
const zeroUnit = (unit: string, family: readonly Prefix[]): string =>
  unit === 's' || unit === 'ms' ? 's' : (family.at(-1)?.[2] ?? '');

/** The same on one line. */
export function formatQuantity(value: number, unit: DisplayUnit, precise = false): string {
  const { text, unit: suffix } = quantity(value, unit, precise);
  return suffix === '' ? text : `${text} ${suffix}`;
}

/** An integer with its thousands separated. */
export const formatCount = (value: number): string => group(Math.round(value).toString());

/**
 * Labels of an axis' ticks: one prefix for all of them (that of the largest), as many decimals as their distance
 * needs, the unit on each.
 */
export function axisLabels(ticks: readonly number[], unit: DisplayUnit): string[] {
  const largest = ticks.reduce((max, tick) => Math.max(max, Math.abs(tick)), 0);
  const family = FAMILIES[unit] ?? [[0, 1, plainUnit(unit)] as const];
  const [, divisor, unitText] = family.find(([from]) => largest >= from && largest > 0) ??
    family.at(-1) ?? [0, 1, ''];
  const [multiple, rest] = splitMultiple(unitText);
  const after = rest === '' ? '' : ` ${rest}`;
  const suffix = `${multiple}${after}`;
  const distance =
    ticks.length > 1 ? Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) / divisor : largest / divisor;
  const decimals = distance > 0 ? Math.max(0, -Math.floor(Math.log10(distance) + 1e-9)) : 0;
  return ticks.map((tick) => {
    const value = tick / divisor;
    if (value === 0) return `0${after}`;
    if (decimals > 4) return `${trimZeros(value.toExponential(2)).replaceAll('-', '−')}${suffix}`;
    // A distance of 0.25 has one digit before its last: two more places, then no trailing zeros.
    const [whole = '0', fraction = ''] = Math.abs(value)
      .toFixed(decimals + 2)
      .split('.');
    const kept = fraction.replace(/0+$/, '');
    return `${value < 0 ? '−' : ''}${group(whole)}${kept === '' ? '' : `.${kept}`}${suffix}`;
  });
}

/** True for units whose round numbers are powers of two. */
export const isBinary = (unit: DisplayUnit): boolean => unit === 'By' || unit === 'By/s';
