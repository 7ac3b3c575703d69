import type { SinkState } from '../sink.ts';
import type { RefusedRecord, SinkProgress } from './progress.ts';
import { type StuckRecord, triedAgain } from './stuck-record.ts';

/** Records refused alone one after the other, none taken between, before the tracker itself is taken to be wrong. */
const MAX_SUSPECTS = 100;
const KEPT_REFUSALS = 100;

export interface PositionOptions {
  readonly progress: SinkProgress;
  /** What the sink wants to remember now. */
  readonly state: () => SinkState | undefined;
  /** System samples numbered so far. */
  readonly samples: () => number;
  readonly onProgress: (progress: SinkProgress) => void;
  readonly onRefused: (records: readonly RefusedRecord[]) => void;
}

/**
 * How far a sink has a run. A record that was refused alone is under suspicion until the next one is taken: until then
 * it may as well be the sink that is wrong, and nothing must be given up for that.
 */
export class Position {
  readonly #options: PositionOptions;
  #progress: SinkProgress;
  #suspects: RefusedRecord[] = [];

  constructor(options: PositionOptions) {
    this.#options = options;
    this.#progress = options.progress;
  }

  get progress(): SinkProgress {
    return this.#progress;
  }

  get suspicious(): boolean {
    return this.#suspects.length > 0;
  }

  /** The next record, when the tracker itself fails on it. */
  get stuck(): StuckRecord | undefined {
    return this.#progress.stuck;
  }

  /** The sink has everything up to `seq` (undefined: no more than before); suspects before it are given up. */
  taken(seq?: number): void {
    const suspects = this.#suspects;
    this.#suspects = [];
    if (suspects.length > 0) this.#options.onRefused(suspects);
    this.#moveTo(seq ?? suspects.at(-1)?.seq ?? this.#progress.seq, suspects);
  }

  /** The record behind the cursor is passed over. */
  setAside(record: RefusedRecord): void {
    this.#moveTo(record.seq, [record]);
  }

  /** The tracker itself failed on the record behind the cursor, alone. */
  failedOn(seq: number, now: number): StuckRecord {
    const stuck = triedAgain(this.#progress.stuck, seq, now);
    this.#progress = { ...this.#progress, stuck };
    this.#options.onProgress(this.#progress);
    return stuck;
  }

  #moveTo(seq: number, aside: readonly RefusedRecord[]): void {
    const { refused, refusedTotal, stuck } = this.#progress;
    const state = this.#options.state() ?? this.#progress.state;
    // cursor, refusals and the sink's own state change as one
    this.#progress = {
      seq,
      samples: this.#options.samples(),
      refused: aside.length === 0 ? refused : [...refused, ...aside].slice(-KEPT_REFUSALS),
      refusedTotal: refusedTotal + aside.length,
      ...(state === undefined ? {} : { state }),
      ...(stuck === undefined || stuck.seq <= seq ? {} : { stuck }),
    };
    this.#options.onProgress(this.#progress);
  }

  /** The sink refuses this record alone. False: it refuses so many that it must be the sink; nothing is given up. */
  suspect(record: RefusedRecord): boolean {
    this.#suspects.push(record);
    if (this.#suspects.length < MAX_SUSPECTS) return true;
    this.#suspects = [];
    return false;
  }
}
