import type { Distribution } from '../../conventions/index.ts';
import { type Buckets, NO_BUCKETS, mean, merge } from './buckets.ts';
import { type Cells, cellOf } from './cover.ts';
import type { HistogramIncrement } from './histogram-increase.ts';
import { quantile } from './quantile.ts';
import { type CellValues, cellEnd } from './rate.ts';

/** Everything that several histograms took up, together. */
export function merged(lists: readonly (readonly HistogramIncrement[])[]): Buckets {
  let all = NO_BUCKETS;
  for (const list of lists) for (const { buckets } of list) all = merge(all, buckets);
  return all;
}

export function distribution(buckets: Buckets): Distribution {
  const at = (q: number) => quantile(buckets, q)?.value ?? null;
  return {
    count: Math.round(buckets.count),
    mean: mean(buckets),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
  };
}

/** A statistic of each cell's values, counted where they were reported; cells without a value are left out. */
export function statisticByCell(
  lists: readonly (readonly HistogramIncrement[])[],
  grid: Cells,
  statistic: (buckets: Buckets) => number | null,
): CellValues {
  const byCell = new Map<number, Buckets>();
  for (const list of lists)
    for (const { to, buckets } of list) {
      if (buckets.count === 0) continue;
      const cell = cellOf(grid, to);
      byCell.set(cell, merge(byCell.get(cell) ?? NO_BUCKETS, buckets));
    }
  const found: CellValues = { time: [], value: [] };
  for (const cell of [...byCell.keys()].sort((a, b) => a - b)) {
    const value = statistic(byCell.get(cell) as Buckets);
    if (value === null) continue;
    found.time.push(cellEnd(grid, cell));
    found.value.push(value);
  }
  return found;
}
