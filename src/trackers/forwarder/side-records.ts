import type { ConsoleRecord, SystemRecord } from '../sink.ts';

export type SideRecord = SystemRecord | ConsoleRecord;

/** A program that prints without end costs so much memory a sink and no more: lines, characters. */
const MAX_LINES = 10_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;
/** Characters of one call. */
const CALL_CHARACTERS = 1024 * 1024;

/**
 * System samples and console lines on their way to one sink: in memory only, each bounded by itself, the oldest dropped
 * and counted.
 */
export class SideRecords {
  readonly #max: number;
  #system: SystemRecord[] = [];
  #console: ConsoleRecord[] = [];
  #characters = 0;
  dropped = 0;
  /** Number of the next system sample. */
  samples: number;

  /** `max`: of system samples. */
  constructor(max: number, samples: number) {
    this.#max = max;
    this.samples = samples;
  }

  get length(): number {
    return this.#system.length + this.#console.length;
  }

  system(time: number, values: Readonly<Record<string, number>>): void {
    this.#system.push({ kind: 'system', seq: -1, time, sample: this.samples++, values });
    this.#trim();
  }

  console(time: number, stream: ConsoleRecord['stream'], text: string): void {
    this.#console.push({ kind: 'console', seq: -1, time, stream, text });
    this.#characters += text.length;
    this.#trim();
  }

  /** The oldest ones that fit, system samples first; they are gone from here. */
  take(records: number, values: number): SideRecord[] {
    let taken = 0;
    let room = values;
    for (const record of this.#system.slice(0, Math.max(0, records))) {
      room -= Object.keys(record.values).length;
      if (taken > 0 && room < 0) break;
      taken++;
    }
    let lines = 0;
    let characters = 0;
    for (const { text } of this.#console) {
      if (taken + lines >= records || lines >= room || characters > CALL_CHARACTERS) break;
      characters += text.length;
      lines++;
    }
    const printed = this.#console.splice(0, lines);
    this.#characters -= characters;
    return [...this.#system.splice(0, taken), ...printed];
  }

  /** Puts what was not sent back to the front. */
  putBack(records: readonly SideRecord[]): void {
    const printed = records.filter((record) => record.kind === 'console');
    this.#system.unshift(...records.filter((record) => record.kind === 'system'));
    this.#console.unshift(...printed);
    for (const { text } of printed) this.#characters += text.length;
    this.#trim();
  }

  drop(records: readonly SideRecord[]): void {
    this.dropped += records.length;
  }

  /** Nothing of what is here will be wanted any more. */
  clear(): void {
    this.dropped += this.length;
    this.#system = [];
    this.#console = [];
    this.#characters = 0;
  }

  #trim(): void {
    const excess = this.#system.length - this.#max;
    if (excess > 0) this.dropped += this.#system.splice(0, excess).length;
    if (this.#console.length <= MAX_LINES && this.#characters <= MAX_CHARACTERS) return;
    // a tenth at once: to shift all lines for each new one would be the program's cost
    const rest = Math.min(this.#console.length, Math.floor(MAX_LINES * 0.9));
    let from = this.#console.length - rest;
    for (let index = 0; index < from; index++) this.#characters -= this.#console[index]?.text.length ?? 0;
    for (; this.#characters > MAX_CHARACTERS * 0.9; from++)
      this.#characters -= this.#console[from]?.text.length ?? 0;
    this.#console.splice(0, from);
    this.dropped += from;
  }
}
