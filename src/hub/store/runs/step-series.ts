import { decodeStepChunk, encodeStepChunk, type StepColumns } from '../chunks/step-chunk.ts';

/** A head this long is closed and the next begun. */
const HEAD_POINTS = 4096;

/** Unsealed points of one step series in order of arrival. A missing step is NaN. */
export class StepHead {
  #columns: StepColumns;
  length: number;

  constructor(columns: StepColumns = emptyColumns(16), length = 0) {
    this.#columns = columns;
    this.length = length;
  }

  static decode(data: Uint8Array, n: number): StepHead {
    const columns = emptyColumns(n);
    decodeStepChunk(data, n, columns, 0);
    return new StepHead(columns, n);
  }

  get full(): boolean {
    return this.length >= HEAD_POINTS;
  }

  add(step: number, time: number, value: number): void {
    const length = this.length;
    if (length === this.#columns.step.length) this.#grow();
    this.#columns.step[length] = step;
    this.#columns.time[length] = time;
    this.#columns.value[length] = value;
    this.length = length + 1;
  }

  append(other: StepHead): void {
    const { step, time, value } = other.columns();
    for (let i = 0; i < step.length; i++) this.add(step[i]!, time[i]!, value[i]!);
  }

  /** Views, valid until the next `add`. */
  columns(): StepColumns {
    const { step, time, value } = this.#columns;
    const length = this.length;
    return {
      step: step.subarray(0, length),
      time: time.subarray(0, length),
      value: value.subarray(0, length),
    };
  }

  encode(): Buffer {
    return encodeStepChunk(this.columns());
  }

  #grow(): void {
    const { step, time, value } = this.#columns;
    this.#columns = emptyColumns(Math.max(16, step.length * 2));
    this.#columns.step.set(step);
    this.#columns.time.set(time);
    this.#columns.value.set(value);
  }
}

export function emptyColumns(length: number): StepColumns {
  return { step: new Float64Array(length), time: new Float64Array(length), value: new Float64Array(length) };
}

/** A key of a rank of a run. */
export class StepSeries {
  readonly id: number;
  readonly run: string;
  readonly rank: number;
  readonly key: string;
  tail: { id: number; n: number } | undefined;
  head: StepHead | undefined;
  full: StepHead[] = [];
  frozen: StepHead[] = [];

  constructor(
    id: number,
    run: string,
    rank: number,
    key: string,
    tail: { id: number; n: number } | undefined,
  ) {
    this.id = id;
    this.run = run;
    this.rank = rank;
    this.key = key;
    this.tail = tail;
  }

  heads(): StepHead[] {
    return this.head === undefined
      ? [...this.frozen, ...this.full]
      : [...this.frozen, ...this.full, this.head];
  }

  add(step: number | null, time: number, value: number): void {
    if (this.head === undefined || this.head.full) {
      if (this.head !== undefined) this.full.push(this.head);
      this.head = new StepHead();
    }
    this.head.add(step ?? Number.NaN, time, value);
  }

  freeze(): void {
    this.frozen = this.heads();
    this.full = [];
    this.head = undefined;
  }

  /** After a sealing that failed: what was frozen is unsealed again. */
  thaw(): void {
    this.full = [...this.frozen, ...this.full];
    this.frozen = [];
  }
}
