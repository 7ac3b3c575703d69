import type { SinkState } from '../sink.ts';
import type { StuckRecord } from './stuck-record.ts';

/** How far one sink has a run, and what it remembers of it: one value, kept in one write. */
export interface SinkProgress {
  /** Everything up to this `seq` was taken or set aside; -1 for nothing. */
  readonly seq: number;
  readonly state?: SinkState;
  /** System samples numbered so far. */
  readonly samples: number;
  /** Records that the sink refused for good (the newest hundred), and why. They stay in the source. */
  readonly refused: readonly RefusedRecord[];
  /** How many were refused in all. */
  readonly refusedTotal: number;
  /** The next record, when the tracker itself fails on it. */
  readonly stuck?: StuckRecord;
}

export interface RefusedRecord {
  readonly seq: number;
  readonly message: string;
}

export const NO_PROGRESS: SinkProgress = { seq: -1, samples: 0, refused: [], refusedTotal: 0 };
