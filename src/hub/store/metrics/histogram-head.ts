import type { HistogramRow } from '../chunks/histogram-chunk.ts';

const HEAD_ROWS = 1024;
/** What a row weighs against a number point (fields, and its counts), for the decision when to seal. */
const ROW_WEIGHT = 8;

/** Histogram points of one series that are not sealed yet, ascending in time, each time once. */
export class HistogramHead {
  readonly rows: HistogramRow[];
  weight = 0;

  constructor(rows: HistogramRow[] = []) {
    this.rows = rows;
    for (const row of rows) this.weight += weightOf(row);
  }

  get length(): number {
    return this.rows.length;
  }
  get full(): boolean {
    return this.rows.length >= HEAD_ROWS;
  }
  get first(): number {
    return this.rows[0]!.time;
  }
  get last(): number {
    return this.rows.at(-1)!.time;
  }

  has(time: number): boolean {
    return this.rows[this.#position(time)]?.time === time;
  }

  /** The caller has made sure that there is no point of that time. */
  add(row: HistogramRow): void {
    this.weight += weightOf(row);
    const rows = this.rows;
    if (rows.length === 0 || row.time > rows.at(-1)!.time) rows.push(row);
    else rows.splice(this.#position(row.time), 0, row);
  }

  merge(other: HistogramHead): void {
    for (const row of other.rows) if (!this.has(row.time)) this.add(row);
  }

  #position(time: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.rows[middle]!.time < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function weightOf(row: HistogramRow): number {
  return ROW_WEIGHT + row.counts.length / 2;
}
