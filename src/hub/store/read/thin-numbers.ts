import type { NumberColumns } from '../chunks/number-chunk.ts';

/**
 * Positions of the points of a sum that tell its increase in each column; see `PointsQuery.columns`. Of cumulative
 * sums the first point, the last of each column, and those beside a reset; values that are not finite tell nothing.
 *
 * @param monotonic also a value that falls is a reset.
 */
export function positionsOfIncrease(
  { time, start, value }: NumberColumns,
  begin: number,
  end: number,
  columnAt: (time: number) => number,
  monotonic: boolean,
): number[] {
  const kept: number[] = [];
  let before = -1;
  let column = Number.NaN;
  for (let i = begin; i < end; i++) {
    const v = value[i]!;
    if (v - v !== 0) continue;
    const here = columnAt(time[i]!);
    if (before >= 0) {
      const reset = (start[before]! > 0 && start[i]! > start[before]!) || (monotonic && v < value[before]!);
      if ((here !== column || reset) && kept.at(-1) !== before) kept.push(before);
      if (reset) kept.push(i);
    } else kept.push(i);
    before = i;
    column = here;
  }
  if (before >= 0 && kept.at(-1) !== before) kept.push(before);
  return kept;
}

/** Delta sums, added up in each column: from the start of its first point to the time of its last. */
export function addedUpByColumn(
  { time, start, value }: NumberColumns,
  begin: number,
  end: number,
  columnAt: (time: number) => number,
): NumberColumns {
  const times: number[] = [];
  const starts: number[] = [];
  const values: number[] = [];
  let column = Number.NaN;
  for (let i = begin; i < end; i++) {
    const v = value[i]!;
    if (v - v !== 0) continue;
    const here = columnAt(time[i]!);
    const last = times.length - 1;
    if (here === column) {
      times[last] = time[i]!;
      values[last] = values[last]! + v;
    } else {
      times.push(time[i]!);
      starts.push(start[i]!);
      values.push(v);
    }
    column = here;
  }
  return {
    time: Float64Array.from(times),
    start: Float64Array.from(starts),
    value: Float64Array.from(values),
  };
}
