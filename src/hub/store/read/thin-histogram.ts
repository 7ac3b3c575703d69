import type { HistogramRow } from '../chunks/histogram-chunk.ts';

/**
 * Rows of one series, ascending by time, thinned to about one a column of the range; see `HistogramQuery.columns`.
 * A week of points of twenty series is half a million objects: copying them out of the read worker would hold up
 * the hub for seconds, and a reader of increases has no use for them.
 */
export function thinHistogram(
  rows: readonly HistogramRow[],
  range: { from: number; to: number },
  columns: number,
  delta: boolean,
): HistogramRow[] {
  const width = (range.to - range.from) / columns;
  if (!(width > 0) || !Number.isFinite(width)) return [...rows];
  const columnOf = (row: HistogramRow): number =>
    row.time <= range.from ? -1 : Math.ceil((row.time - range.from) / width) - 1;
  return delta ? addedUp(rows, columnOf) : lastOfColumns(rows, columnOf);
}

function lastOfColumns(
  rows: readonly HistogramRow[],
  columnOf: (row: HistogramRow) => number,
): HistogramRow[] {
  return rows.filter((row, i) => {
    const before = rows[i - 1];
    const after = rows[i + 1];
    if (before === undefined || after === undefined) return true;
    return columnOf(after) !== columnOf(row) || isReset(row, after) || isReset(before, row);
  });
}

/** Counting began anew: the start moved on, or what can only grow fell (a sender without start times). */
function isReset(before: HistogramRow, after: HistogramRow): boolean {
  if ((before.start > 0 && after.start > before.start) || after.count < before.count) return true;
  return (
    before.layout === after.layout &&
    after.counts.some((count, bucket) => count < (before.counts[bucket] as number))
  );
}

function addedUp(rows: readonly HistogramRow[], columnOf: (row: HistogramRow) => number): HistogramRow[] {
  const added: HistogramRow[] = [];
  let open: { row: HistogramRow; column: number } | undefined;
  for (const row of rows) {
    const column = columnOf(row);
    if (open && open.column === column && sameLayout(open.row.layout, row.layout)) {
      open.row = sum(open.row, row);
      added[added.length - 1] = open.row;
    } else {
      open = { row, column };
      added.push(row);
    }
  }
  return added;
}

function sum(a: HistogramRow, b: HistogramRow): HistogramRow {
  return {
    time: b.time,
    start: a.start,
    count: a.count + b.count,
    sum: a.sum === undefined || b.sum === undefined ? undefined : a.sum + b.sum,
    min: a.min === undefined || b.min === undefined ? undefined : Math.min(a.min, b.min),
    max: a.max === undefined || b.max === undefined ? undefined : Math.max(a.max, b.max),
    layout: b.layout,
    counts: a.counts.map((count, bucket) => count + (b.counts[bucket] as number)),
  };
}

function sameLayout(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]));
}
