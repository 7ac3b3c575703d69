import type { Line } from './columns.ts';

/** Lines brought onto one x column. `undefined` = this line has no point here (draw through), null = a break. */
export interface JoinedLines {
  x: number[];
  ys: (number | null | undefined)[][];
}

/**
 * Outer join of lines on x, each ascending. An x that a line has twice (a repeated step) is kept twice, so no
 * point is lost; equal x of different lines share a row.
 */
export function joinLines(lines: readonly Line[]): JoinedLines {
  const [only] = lines;
  if (only !== undefined && lines.length === 1) return { x: only.x, ys: [only.y] };
  const heads = lines.map(() => 0);
  const x: number[] = [];
  const ys: (number | null | undefined)[][] = lines.map(() => []);
  for (;;) {
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < lines.length; i++) {
      const at = lines[i]?.x[heads[i] ?? 0];
      if (at !== undefined && at < next) next = at;
    }
    if (next === Number.POSITIVE_INFINITY) return { x, ys };
    x.push(next);
    for (let i = 0; i < lines.length; i++) {
      const head = heads[i] ?? 0;
      const here = lines[i]?.x[head] === next;
      ys[i]?.push(here ? (lines[i]?.y[head] ?? null) : undefined);
      if (here) heads[i] = head + 1;
    }
  }
}

/** Index of the value nearest to `at` in an ascending column; -1 for an empty one. */
export function nearestIndex(x: readonly number[], at: number): number {
  let low = 0;
  let high = x.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  const before = x[low - 1];
  const here = x[low];
  if (here === undefined) return -1;
  return before !== undefined && at - before < here - at ? low - 1 : low;
}
