import type { HistogramOutline, HistogramRow } from '../chunks/histogram-chunk.ts';

/**
 * Rows of one series, ascending by time, thinned to about one a column of the range; see `HistogramQuery.columns`.
 * A week of points of twenty series is half a million objects: copying them out of the read worker would hold up
 * the hub for seconds, and a reader of increases has no use for them.
 */
export function thinHistogram(
  rows: readonly HistogramRow[],
  range: Range,
  columns: number,
  delta: boolean,
): HistogramRow[] {
  const columnAt = columnsOver(range, columns);
  if (columnAt === undefined) return [...rows];
  const columnOf = (row: HistogramRow): number => columnAt(row.time);
  return delta ? addedUp(rows, columnOf) : lastOfColumns(rows, columnOf);
}

interface Range {
  from: number;
  to: number;
}

/** Column of a time: after its start, up to and with its end; -1 at or before the range. `undefined` without width. */
export function columnsOver({ from, to }: Range, columns: number): ((time: number) => number) | undefined {
  const width = (to - from) / columns;
  if (!(width > 0) || !Number.isFinite(width)) return undefined;
  return (time) => (time <= from ? -1 : Math.ceil((time - from) / width) - 1);
}

/**
 * The rows of a chunk of cumulative histograms that `thinHistogram` may need (a flag for each): those that it would
 * keep if the chunk were all there is. Its neighbours' first and last rows are always among them.
 */
export function chosenRows(
  { time, start, count, fell }: HistogramOutline,
  columnAt: (time: number) => number,
): Uint8Array {
  const chosen = new Uint8Array(time.length);
  const last = time.length - 1;
  let column = last < 0 ? 0 : columnAt(time[0]!);
  for (let i = 0; i <= last; i++) {
    const next = i < last ? columnAt(time[i + 1]!) : Number.NaN;
    if (i === 0 || next !== column) chosen[i] = 1;
    const reset =
      i > 0 &&
      ((start[i - 1]! > 0 && start[i]! > start[i - 1]!) || count[i]! < count[i - 1]! || fell[i] === 1);
    if (reset) {
      chosen[i] = 1;
      chosen[i - 1] = 1;
    }
    column = next;
  }
  return chosen;
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
    sameLayout(before.layout, after.layout) &&
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

export function sameLayout(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]));
}
