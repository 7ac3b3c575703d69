import { performance } from 'node:perf_hooks';

/** Two readings of time that agree: one never goes back (durations), one is the calendar's (records). */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  monotonic(): number;
  /** Milliseconds since the epoch, with fraction, of a reading of `monotonic()`. */
  epoch(monotonic: number): number;
}

/** Beyond this, the system's clock was set, or has drifted: records follow it. */
const TOLERATED_MS = 20;

export class SystemClock implements Clock {
  #offset = performance.timeOrigin;

  monotonic(): number {
    return performance.now();
  }
  epoch(monotonic: number): number {
    return this.#offset + monotonic;
  }
  /** Follows a system clock that was set or that has drifted; called now and then, never within a step. */
  follow(): void {
    const difference = Date.now() - this.epoch(performance.now());
    if (Math.abs(difference) > TOLERATED_MS) this.#offset += difference;
  }
}
