import type { JsonValue, MetricSeries } from '../../../conventions/hub-api.ts';
import { fromJsonNumber, type Line } from './columns.ts';

export type JoinRule = 'sum' | 'max' | 'mean';

/**
 * Joins several series of a metric (one a model, a CPU, a process …) into one line on a common grid of `cell`
 * milliseconds, x in seconds. Within a cell a series counts with the mean of its points; a series without a
 * point in a cell counts with its last value for as long as it is not longer silent than `staleAfter`. A cell
 * in which no series counts is a break.
 */
export function joinSeries(
  series: readonly MetricSeries[],
  rule: JoinRule,
  cell: number,
  staleAfter: number,
  convert: (value: number) => number = (value) => value,
): Line {
  const cells = new Map<number, (number | undefined)[]>();
  series.forEach((one, index) => {
    let sum = 0;
    let count = 0;
    let open = Number.NaN;
    const close = (): void => {
      if (count === 0) return;
      const row = cells.get(open) ?? [];
      row[index] = sum / count;
      cells.set(open, row);
      sum = 0;
      count = 0;
    };
    one.time.forEach((time, i) => {
      const value = convert(fromJsonNumber(one.value[i] ?? null));
      if (!Number.isFinite(value)) return;
      const at = Math.floor(time / cell);
      if (at !== open) {
        close();
        open = at;
      }
      sum += value;
      count += 1;
    });
    close();
  });
  return breakGaps(
    joinCells(cells, series.length, rule, cell, staleAfter),
    Math.max(staleAfter, cell * 1.5) / 1000,
  );
}

/**
 * The one line of a rate, a quantile or a mean, x in seconds, with a break where it was silent for `staleAfter` ms.
 * The hub has made its cells from all series together: taken together once more, its values would be averages of
 * percentiles.
 */
export function statisticLine(
  series: readonly MetricSeries[],
  staleAfter: number,
  convert: (value: number) => number = (value) => value,
): Line {
  const [only] = series;
  if (only === undefined) return { x: [], y: [] };
  const y = only.value.map((value) => convert(fromJsonNumber(value)));
  return breakGaps(
    {
      x: only.time.map((time) => time / 1000),
      y: y.map((value) => (Number.isFinite(value) ? value : null)),
    },
    staleAfter / 1000,
  );
}

function joinCells(
  cells: ReadonlyMap<number, (number | undefined)[]>,
  width: number,
  rule: JoinRule,
  cell: number,
  staleAfter: number,
): Line {
  const line: Line = { x: [], y: [] };
  const last: { at: number; value: number }[] = Array.from({ length: width }, () => ({
    at: Number.NEGATIVE_INFINITY,
    value: 0,
  }));
  for (const at of [...cells.keys()].sort((a, b) => a - b)) {
    const row = cells.get(at) ?? [];
    const values: number[] = [];
    for (let i = 0; i < width; i++) {
      const value = row[i];
      const held = last[i];
      if (held === undefined) continue;
      if (value !== undefined) {
        held.at = at;
        held.value = value;
      }
      if ((at - held.at) * cell <= staleAfter) values.push(held.value);
    }
    line.x.push(((at + 0.5) * cell) / 1000);
    line.y.push(joined(values, rule));
  }
  return line;
}

function joined(values: readonly number[], rule: JoinRule): number | null {
  if (values.length === 0) return null;
  if (rule === 'max') return Math.max(...values);
  const sum = values.reduce((total, value) => total + value, 0);
  return rule === 'sum' ? sum : sum / values.length;
}

/** Puts a break where two points are further apart than `longest` (same unit as x): silence is not a straight line. */
export function breakGaps(line: Line, longest: number): Line {
  const x: number[] = [];
  const y: (number | null)[] = [];
  line.x.forEach((at, i) => {
    const before = line.x[i - 1];
    if (before !== undefined && at - before > longest) {
      x.push((at + before) / 2);
      y.push(null);
    }
    x.push(at);
    y.push(line.y[i] ?? null);
  });
  return { x, y };
}

/** Median distance of a series' points in milliseconds: the interval at which it is exported. `fallback` below 3 points. */
export function exportInterval(series: readonly MetricSeries[], fallback: number): number {
  const gaps: number[] = [];
  for (const one of series) {
    for (let i = 1; i < one.time.length; i++) gaps.push((one.time[i] ?? 0) - (one.time[i - 1] ?? 0));
  }
  if (gaps.length < 2) return fallback;
  gaps.sort((a, b) => a - b);
  return gaps[gaps.length >> 1] ?? fallback;
}

/** Groups series by an attribute's value; series without it go under `absent`. */
export function groupByAttribute(
  series: readonly MetricSeries[],
  attribute: string,
  absent = '(none)',
): Map<string, MetricSeries[]> {
  const groups = new Map<string, MetricSeries[]>();
  for (const one of series) {
    const value: JsonValue | undefined = one.attributes[attribute] ?? one.resource[attribute];
    const name =
      value === undefined || value === null
        ? absent
        : typeof value === 'string'
          ? value
          : JSON.stringify(value);
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return groups;
}

/** Quotient of two lines on the same grid, x by x; a break where the divisor is missing or zero. */
export function divideLines(dividend: Line, divisor: Line): Line {
  const parts = new Map(dividend.x.map((at, i) => [at, dividend.y[i] ?? null]));
  return {
    x: divisor.x,
    y: divisor.x.map((at, i) => {
      const whole = divisor.y[i];
      if (whole === null || whole === undefined || whole === 0) return null;
      return (parts.get(at) ?? 0) / whole;
    }),
  };
}

/**
 * Where an axis over `from` … `to` (ms) may begin so that its lines fill it: a little before their first point,
 * when that comes only after the first fifth; `undefined` when they fill it already, or there are none.
 * @param cell width (ms) of the cells that the lines were read in: what a point tells lies up to two cells before
 *   it, and a window that began after it would miss it.
 */
export function laterStart(
  lines: readonly Line[],
  from: number,
  to: number,
  cell: number,
): number | undefined {
  const first = lines.reduce(
    (min, { x }) => Math.min(min, (x[0] ?? Number.POSITIVE_INFINITY) * 1000),
    Number.POSITIVE_INFINITY,
  );
  if (first === Number.POSITIVE_INFINITY || first - from < (to - from) / 5) return undefined;
  return Math.max(from, Math.floor(first - Math.max((to - first) * 0.05, 5000, 2 * cell)));
}
