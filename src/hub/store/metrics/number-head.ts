import type { NumberColumns } from '../chunks/number-chunk.ts';

/** A head this long is closed and the next begun: bounds the cost of an insertion in the middle, and a chunk. */
export const HEAD_POINTS = 4096;

/** Points of one number series that are not sealed yet, ascending in time, each time once. */
export class NumberHead {
  #time: Float64Array = new Float64Array(8);
  #start: Float64Array = new Float64Array(8);
  #value: Float64Array = new Float64Array(8);
  length = 0;

  static from(columns: NumberColumns): NumberHead {
    const head = new NumberHead();
    head.#time = columns.time;
    head.#start = columns.start;
    head.#value = columns.value;
    head.length = columns.time.length;
    return head;
  }

  get full(): boolean {
    return this.length >= HEAD_POINTS;
  }
  get weight(): number {
    return this.length;
  }
  get first(): number {
    return this.#time[0]!;
  }
  get last(): number {
    return this.#time[this.length - 1]!;
  }

  has(time: number): boolean {
    const at = this.#position(time);
    return at < this.length && this.#time[at] === time;
  }

  /** The caller has made sure that there is no point of that time. */
  add(time: number, start: number, value: number): void {
    const length = this.length;
    if (length === this.#time.length) this.#grow();
    let at = length;
    if (length > 0 && time < this.#time[length - 1]!) {
      at = this.#position(time);
      this.#time.copyWithin(at + 1, at, length);
      this.#start.copyWithin(at + 1, at, length);
      this.#value.copyWithin(at + 1, at, length);
    }
    this.#time[at] = time;
    this.#start[at] = start;
    this.#value[at] = value;
    this.length = length + 1;
  }

  /** Views, valid until the next `add`. */
  columns(): NumberColumns {
    return {
      time: this.#time.subarray(0, this.length),
      start: this.#start.subarray(0, this.length),
      value: this.#value.subarray(0, this.length),
    };
  }

  /** Adds what `other` has. */
  merge(other: NumberHead): void {
    const { time, start, value } = other.columns();
    for (let i = 0; i < time.length; i++) if (!this.has(time[i]!)) this.add(time[i]!, start[i]!, value[i]!);
  }

  /** First position whose time is not before `time`. */
  #position(time: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#time[middle]! < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(): void {
    const capacity = Math.max(8, this.#time.length * 2);
    this.#time = grown(this.#time, capacity);
    this.#start = grown(this.#start, capacity);
    this.#value = grown(this.#value, capacity);
  }
}

function grown(column: Float64Array, capacity: number): Float64Array {
  const larger = new Float64Array(capacity);
  larger.set(column);
  return larger;
}
