import { type Cells, cellOf, covered, spread, union } from './cover.ts';
import type { Increment } from './increase.ts';

/** What several counters grew by together, and the time that this took. */
export interface Growth {
  amount: number;
  /** Seconds that the reported intervals cover, together; 0 when nothing was reported. */
  seconds: number;
  /** Time of the newest report, ms; `undefined` when there is none. */
  time: number | undefined;
}

export function growth(lists: readonly (readonly Increment[])[]): Growth {
  const all = lists.flat();
  return {
    amount: all.reduce((sum, increment) => sum + increment.amount, 0),
    seconds: covered(all) / 1000,
    time: all.length === 0 ? undefined : all.reduce((newest, i) => Math.max(newest, i.to), -Infinity),
  };
}

/**
 * Increase per second over the time that the reports cover, not over the whole window: a server that has run for a
 * minute of a one-hour window has its own rate, not a sixtieth of it. A time below a second counts as one: a single
 * request that was reported after 40 ms is no 25 requests a second. `null` without a report that spans time.
 */
export function rate({ amount, seconds }: Pick<Growth, 'amount' | 'seconds'>): number | null {
  return seconds > 0 ? amount / Math.max(seconds, 1) : null;
}

/** A value per cell; cells without data are left out. */
export interface CellValues {
  /** End of the cell, ms. */
  time: number[];
  value: number[];
}

/**
 * Increase per second in each cell. An increment is spread evenly over the interval in which it came about, so
 * that cells shorter than the interval between two reports show the rate, not spikes and holes.
 */
export function rateByCell(lists: readonly (readonly Increment[])[], grid: Cells): CellValues {
  const amounts = new Float64Array(grid.count);
  const spans = new Float64Array(grid.count);
  for (const list of lists) for (const increment of list) spread(amounts, grid, increment, increment.amount);
  for (const span of union(lists.flat())) spread(spans, grid, span, span.to - span.from);
  const found: CellValues = { time: [], value: [] };
  for (let i = 0; i < grid.count; i++) {
    const length = spans[i] as number;
    if (length <= 0) continue;
    found.time.push(cellEnd(grid, i));
    found.value.push((amounts[i] as number) / (length / 1000));
  }
  return found;
}

/** Increase in each cell, counted where it was reported: the values add up to the increase of the window. */
export function increaseByCell(lists: readonly (readonly Increment[])[], grid: Cells): CellValues {
  const amounts = new Map<number, number>();
  for (const list of lists)
    for (const { to, amount } of list) {
      const cell = cellOf(grid, to);
      amounts.set(cell, (amounts.get(cell) ?? 0) + amount);
    }
  const order = [...amounts.keys()].sort((a, b) => a - b);
  return {
    time: order.map((cell) => cellEnd(grid, cell)),
    value: order.map((cell) => amounts.get(cell) as number),
  };
}

/** End of a cell, in whole milliseconds. */
export function cellEnd(grid: Cells, cell: number): number {
  return Math.round(grid.from + (cell + 1) * grid.width);
}
