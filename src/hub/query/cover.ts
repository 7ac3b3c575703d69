/** A span of time, ms since the epoch. */
interface Span {
  from: number;
  to: number;
}

/** Spans as disjoint ones in order: the time in which at least one of them holds. */
export function union(spans: readonly Span[]): Span[] {
  const sorted = spans.filter((s) => s.to > s.from).sort((a, b) => a.from - b.from);
  const joined: Span[] = [];
  for (const span of sorted) {
    const last = joined.at(-1);
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else joined.push({ from: span.from, to: span.to });
  }
  return joined;
}

/** Milliseconds in which at least one of the spans holds. */
export function covered(spans: readonly Span[]): number {
  return union(spans).reduce((sum, span) => sum + span.to - span.from, 0);
}

/** The window cut into `count` cells of equal width, by their ends. */
export interface Cells {
  from: number;
  width: number;
  count: number;
}

/** At most `most` cells over the window, none shorter than a second. */
export function cells(window: Span, most: number): Cells {
  const length = Math.max(1, window.to - window.from);
  const count = Math.max(1, Math.min(most, Math.floor(length / 1000)));
  return { from: window.from, width: length / count, count };
}

/** The cell that holds `time` (after its start, up to and with its end). */
export function cellOf({ from, width, count }: Cells, time: number): number {
  return Math.min(count - 1, Math.max(0, Math.ceil((time - from) / width) - 1));
}

/** Adds `amount`, spread evenly over the span, to the cells that it touches; what lies outside is left out. */
export function spread(sums: Float64Array, grid: Cells, span: Span, amount: number): void {
  const length = span.to - span.from;
  if (length <= 0) {
    const cell = cellOf(grid, span.to);
    sums[cell] = (sums[cell] as number) + amount;
    return;
  }
  const end = grid.from + grid.width * grid.count;
  if (span.to <= grid.from || span.from >= end) return;
  const first = span.from <= grid.from ? 0 : cellOf(grid, span.from);
  const last = span.to >= end ? grid.count - 1 : cellOf(grid, span.to);
  for (let i = first; i <= last; i++) {
    const from = Math.max(span.from, grid.from + i * grid.width);
    const to = Math.min(span.to, grid.from + (i + 1) * grid.width);
    if (to > from) sums[i] = (sums[i] as number) + (amount * (to - from)) / length;
  }
}
