import type { JsonNumber } from '../../../conventions/hub-api.ts';
import { fromJsonNumber, type SeriesColumns, type XAxis, xOf } from './columns.ts';

export interface NewPoints {
  step: (number | null)[];
  time: number[];
  value: JsonNumber[];
}

export interface FoldOptions {
  axis: XAxis;
  startedAt: number;
  /** Width of one M4 column on the x axis; 0 = the series is complete, append everything. */
  columnWidth: number;
}

export interface FoldResult {
  columns: SeriesColumns;
  /** True when a point belongs before the end (late or repeated step) so that only a new read can place it. */
  reread: boolean;
}

/**
 * Takes points that came live into a series that was read before. A complete series gets them appended. A
 * reduced one keeps first, minimum, maximum and last of its right-most column (M4, Jugel et al. 2014), so it
 * does not grow with the rate of the points and its line stays the one that a new read would draw.
 * Points that the read already had are recognised by their time.
 */
export function foldPoints(before: SeriesColumns, points: NewPoints, options: FoldOptions): FoldResult {
  const columns: SeriesColumns = {
    ...before,
    step: [...before.step],
    time: [...before.time],
    value: [...before.value],
    nonFinite: before.nonFinite,
  };
  let reread = false;
  let newest = before.time.reduce((max, time) => (time > max ? time : max), Number.NEGATIVE_INFINITY);
  for (let i = 0; i < points.time.length; i++) {
    const time = points.time[i] ?? Number.NaN;
    const step = points.step[i] ?? null;
    const value = fromJsonNumber(points.value[i] ?? null);
    if (time <= newest) {
      if (!isKnown(before, step, time)) reread = true;
      continue;
    }
    newest = time;
    const last = columns.time.length - 1;
    const at = xOf(step, time, options.axis, options.startedAt);
    const lastAt =
      last < 0
        ? Number.NEGATIVE_INFINITY
        : xOf(columns.step[last] ?? null, columns.time[last] ?? 0, options.axis, options.startedAt);
    if (at < lastAt) {
      reread = true;
      continue;
    }
    columns.step.push(step);
    columns.time.push(time);
    columns.value.push(value);
    columns.total += 1;
    if (!Number.isFinite(value)) {
      columns.nonFinite = [...columns.nonFinite, { step, time, value }];
      columns.nonFiniteTotal += 1;
    }
    if (columns.reduced && options.columnWidth > 0) thinLastColumn(columns, options);
  }
  return { columns, reread };
}

/** A reduced read leaves points out, so an old point that is not among its own may well be known. */
function isKnown(columns: SeriesColumns, step: number | null, time: number): boolean {
  if (columns.reduced) return true;
  for (let i = columns.time.length - 1; i >= 0; i--) {
    if (columns.time[i] === time && (columns.step[i] ?? null) === step) return true;
  }
  return false;
}

/** Leaves of the column that holds the last point: its first, lowest, highest and last point. */
function thinLastColumn(columns: SeriesColumns, { axis, startedAt, columnWidth }: FoldOptions): void {
  const place = (i: number): number =>
    Math.floor(xOf(columns.step[i] ?? null, columns.time[i] ?? 0, axis, startedAt) / columnWidth);
  const end = columns.time.length - 1;
  const column = place(end);
  let start = end;
  while (start > 0 && place(start - 1) === column) start -= 1;
  if (end - start < 4) return;
  let low = -1;
  let high = -1;
  for (let i = start; i <= end; i++) {
    const value = columns.value[i] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    if (low < 0 || value < (columns.value[low] ?? 0)) low = i;
    if (high < 0 || value > (columns.value[high] ?? 0)) high = i;
  }
  const keep = new Set([start, low, high, end]);
  for (let i = end; i >= start; i--) {
    if (keep.has(i)) continue;
    columns.step.splice(i, 1);
    columns.time.splice(i, 1);
    columns.value.splice(i, 1);
  }
}
