import type { ConsoleRecord, SystemRecord } from '../sink.ts';

export type SideRecord = SystemRecord | ConsoleRecord;

/** System samples and console lines on their way to one sink: in memory only, bounded, the oldest dropped and counted. */
export class SideRecords {
  readonly #max: number;
  #queue: SideRecord[] = [];
  dropped = 0;
  /** Number of the next system sample. */
  samples: number;

  constructor(max: number, samples: number) {
    this.#max = max;
    this.samples = samples;
  }

  get length(): number {
    return this.#queue.length;
  }

  system(time: number, values: Readonly<Record<string, number>>): void {
    this.#push({ kind: 'system', seq: -1, time, sample: this.samples++, values });
  }

  console(time: number, stream: ConsoleRecord['stream'], text: string): void {
    this.#push({ kind: 'console', seq: -1, time, stream, text });
  }

  /** The oldest ones that fit; they are gone from here. */
  take(records: number, values: number): SideRecord[] {
    let taken = 0;
    let room = values;
    while (taken < Math.min(records, this.#queue.length)) {
      const record = this.#queue[taken] as SideRecord;
      room -= record.kind === 'system' ? Object.keys(record.values).length : 1;
      if (taken > 0 && room < 0) break;
      taken++;
    }
    return this.#queue.splice(0, taken);
  }

  /** Puts what was not sent back to the front. */
  putBack(records: readonly SideRecord[]): void {
    this.#queue.unshift(...records);
    this.#trim();
  }

  drop(records: readonly SideRecord[]): void {
    this.dropped += records.length;
  }

  #push(record: SideRecord): void {
    this.#queue.push(record);
    this.#trim();
  }

  #trim(): void {
    const excess = this.#queue.length - this.#max;
    if (excess <= 0) return;
    this.#queue.splice(0, excess);
    this.dropped += excess;
  }
}
