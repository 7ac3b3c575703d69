import { EVENT } from '../../conventions/index.ts';
import { encodeRecord, type JournalRecord } from '../journal/record.ts';

/** A record on its way to the journal and to the receiver. */
export interface QueuedRecord {
  readonly seq: number;
  /** About how many bytes it is on the wire. */
  readonly size: number;
  /** Steps and histograms may be given up when nothing else helps; starts, ends and parameters may not. */
  readonly isStep: boolean;
  /** Its line in the journal. */
  line(): string;
  toRecord(): JournalRecord;
}

/** Any record but a step: there are few of them. */
export class NamedRecord implements QueuedRecord {
  readonly seq: number;
  readonly isStep: boolean;
  readonly #record: JournalRecord;
  readonly #line: string;

  constructor(record: JournalRecord) {
    this.seq = record.seq;
    this.isStep = record.event === EVENT.trainingStep || record.event === EVENT.trainingHistogram;
    this.#record = record;
    this.#line = encodeRecord(record);
  }
  get size(): number {
    return this.#line.length;
  }
  line(): string {
    return this.#line;
  }
  toRecord(): JournalRecord {
    return this.#record;
  }
}

/**
 * Records in memory, in order: those that the journal does not have yet (always the newest ones) and those that the
 * receiver has not accepted. Bounded: what the journal has can be let go, since it can be read back; while the
 * journal cannot be written, the oldest steps are given up and counted.
 */
export class Outbox {
  readonly #max: number;
  #records: QueuedRecord[] = [];
  /** Index of the first record that is still wanted, and of the first that the journal does not have. */
  #head = 0;
  #unwritten = 0;
  /** Steps that neither the journal nor the receiver ever got. */
  lost = 0;

  /** `max` in records. */
  constructor(max: number) {
    this.#max = max;
  }

  /** `seq` of the oldest record in memory. */
  get firstSeq(): number | undefined {
    return this.#records[this.#head]?.seq;
  }

  push(records: readonly QueuedRecord[]): void {
    for (const record of records) this.#records.push(record);
  }

  /** What the journal does not have yet. */
  unwritten(): QueuedRecord[] {
    return this.#records.slice(this.#unwritten);
  }

  /** The journal has everything now. */
  written(): void {
    this.#unwritten = this.#records.length;
  }

  /** Up to `max` records after `seq`, up to about `bytes`; at least one when there is one. */
  after(seq: number, max: number, bytes: number): QueuedRecord[] {
    const found: QueuedRecord[] = [];
    let size = 0;
    for (let i = this.#head; i < this.#records.length && found.length < max; i++) {
      const record = this.#records[i] as QueuedRecord;
      if (record.seq <= seq) continue;
      size += record.size;
      if (found.length > 0 && size > bytes) break;
      found.push(record);
    }
    return found;
  }

  /** The receiver has everything up to `seq`. */
  accepted(seq: number): void {
    while (this.#head < this.#records.length && (this.#records[this.#head] as QueuedRecord).seq <= seq)
      this.#head++;
    this.#compact();
  }

  /** Holds the bound. Returns how many steps were lost for it. */
  trim(): number {
    const excess = this.#records.length - this.#head - this.#max;
    if (excess <= 0) return 0;
    this.#head += Math.min(excess, Math.max(0, this.#unwritten - this.#head));
    const lost = this.#records.length - this.#head > this.#max ? this.#giveUp() : 0;
    this.lost += lost;
    this.#compact();
    return lost;
  }

  /** Nothing in memory is in the journal: the oldest quarter of the steps goes. */
  #giveUp(): number {
    const rest = this.#records.slice(this.#head);
    const quarter = Math.max(1, Math.floor(rest.length / 4));
    const kept = rest.slice(0, quarter).filter((record) => !record.isStep);
    this.#records = [...kept, ...rest.slice(quarter)];
    this.#head = 0;
    this.#unwritten = 0;
    return quarter - kept.length;
  }

  #compact(): void {
    if (this.#head < 1024 || this.#head < this.#records.length / 2) return;
    this.#records = this.#records.slice(this.#head);
    this.#unwritten = Math.max(0, this.#unwritten - this.#head);
    this.#head = 0;
  }
}
