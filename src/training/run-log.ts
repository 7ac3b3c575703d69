import type { Outbox, QueuedRecord } from './delivery/outbox.ts';
import type { JournalWriter } from './journal/writer.ts';

export interface RunLogOptions {
  writer: JournalWriter;
  outbox: Outbox;
  /** `seq` of the first record. */
  firstSeq: number;
  /** Longest time that a record stays out of the journal, milliseconds. */
  flushInterval: number;
  /** Monotonic milliseconds, and calendar milliseconds. */
  monotonic: () => number;
  now: () => number;
  /** Records that are numbered and about to be written. */
  onTaken?: ((records: readonly QueuedRecord[]) => void) | undefined;
  /** After records were written (or could not be). */
  onFlushed: () => void;
  /** The journal could not be written: once until it can be again. */
  onTrouble: (error: Error) => void;
  onHealed: () => void;
  /** Steps that were given up since neither disk nor receiver took them. */
  onLost: (count: number) => void;
}

/** Records that wait for the flush at most; then a step pays for writing them. */
const MAX_PENDING = 2048;
/** A disk that failed is tried again after this time, doubled up to the second. */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/**
 * The one order of a run's records: each gets its number here, waits for the next flush, is written to the journal,
 * and only then goes to the sender. A journal that cannot be written holds nothing up.
 */
export class RunLog {
  readonly #options: RunLogOptions;
  #pending: QueuedRecord[] = [];
  #flushDue: number;
  /** Highest `seq` in the journal; -1 or less than the first for none of this process. */
  journaled: number;
  nextSeq: number;
  /** Flush runs and time spent in them, milliseconds. */
  readonly flushes = { count: 0, milliseconds: 0, records: 0 };
  #retryAt = 0;
  #retryMs = 0;

  constructor(options: RunLogOptions) {
    this.#options = options;
    this.nextSeq = options.firstSeq;
    this.journaled = options.firstSeq - 1;
    this.#flushDue = options.monotonic() + options.flushInterval;
  }

  get failing(): boolean {
    return this.#retryMs > 0;
  }

  /** Hot: takes a record; `now` is the monotonic time. Flushes when that is due, for loops that never let a timer run. */
  take(record: QueuedRecord, now: number): void {
    this.#pending.push(record);
    if (now >= this.#flushDue || this.#pending.length >= MAX_PENDING) this.flush();
  }

  /** Writes what waits. `force`: also tries a disk that has just failed. Never throws. */
  flush(force = false): void {
    const { outbox, writer } = this.#options;
    const start = this.#options.monotonic();
    this.#flushDue = start + this.#options.flushInterval;
    if (this.#pending.length > 0) {
      outbox.push(this.#pending);
      this.#options.onTaken?.(this.#pending);
      this.#pending = [];
    }
    if (this.#retryMs === 0 || force || start >= this.#retryAt) {
      const records = outbox.unwritten();
      const first = records[0];
      const last = records.at(-1);
      if (!first || !last) return;
      try {
        let lines = '';
        for (const record of records) lines += record.line();
        writer.append(lines, first.seq, this.#options.now());
        this.#onWritten(last.seq);
      } catch (error) {
        this.#onFailed(error, start);
      }
      this.flushes.count++;
      this.flushes.records += records.length;
    }
    const lost = outbox.trim();
    if (lost > 0) this.#options.onLost(lost);
    this.flushes.milliseconds += this.#options.monotonic() - start;
    this.#options.onFlushed();
  }

  /** Records that have not yet been through a flush. */
  get waiting(): number {
    return this.#pending.length;
  }

  #onWritten(seq: number): void {
    this.#options.outbox.written();
    this.journaled = seq;
    if (this.#retryMs === 0) return;
    this.#retryMs = 0;
    this.#options.onHealed();
  }

  #onFailed(error: unknown, now: number): void {
    const first = this.#retryMs === 0;
    this.#retryMs = Math.min(MAX_RETRY_MS, first ? FIRST_RETRY_MS : this.#retryMs * 2);
    this.#retryAt = now + this.#retryMs;
    if (first) this.#options.onTrouble(error instanceof Error ? error : new Error(String(error)));
  }
}
