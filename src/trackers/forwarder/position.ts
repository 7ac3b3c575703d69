import type { SinkState } from '../sink.ts';
import type { RefusedRecord, SinkProgress } from './progress.ts';

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

  /** The sink has everything up to `seq` (undefined: no more than before); suspects before it are given up. */
  taken(seq?: number): void {
    const suspects = this.#suspects;
    this.#suspects = [];
    if (suspects.length > 0) this.#options.onRefused(suspects);
    const { refused, refusedTotal } = this.#progress;
    const state = this.#options.state() ?? this.#progress.state;
    // cursor, refusals and the sink's own state change as one
    this.#progress = {
      seq: seq ?? suspects.at(-1)?.seq ?? this.#progress.seq,
      samples: this.#options.samples(),
      refused: suspects.length === 0 ? refused : [...refused, ...suspects].slice(-KEPT_REFUSALS),
      refusedTotal: refusedTotal + suspects.length,
      ...(state === undefined ? {} : { state }),
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
