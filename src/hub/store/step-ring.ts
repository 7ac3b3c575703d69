import type { StepsSince } from './store.ts';

export interface RingStep {
  run: string;
  rank: number;
  step: number | null;
  time: number;
  values: [key: string, value: number][];
}

/** Newest step records kept for live readers; who is further behind reads the series again. */
const RING_RECORDS = 16_384;

/**
 * The newest step records in memory, each with a number. Numbers begin at a wall clock in microseconds, so that
 * a cursor from before a restart is older than everything here, not by accident valid.
 */
export class StepRing {
  readonly #steps = Array.from<RingStep | undefined>({ length: RING_RECORDS });
  #next: number;
  #oldest: number;

  constructor(now: number) {
    this.#next = Math.floor(now * 1000);
    this.#oldest = this.#next;
  }

  /** Everything pushed so far is before it. */
  get cursor(): number {
    return this.#next;
  }

  push(step: RingStep): void {
    this.#steps[this.#next % RING_RECORDS] = step;
    this.#next++;
    if (this.#next - this.#oldest > RING_RECORDS) this.#oldest++;
  }

  /**
   * Records from a cursor on, in columns per run, key and rank; at most `limit` values (one record at least).
   * `undefined` when the cursor is older than the ring or not of this process.
   */
  since(cursor: number, limit: number): StepsSince | undefined {
    if (!(cursor >= this.#oldest && cursor <= this.#next)) return undefined;
    const columns = new Map<string, StepsSince['points'][number]>();
    let taken = 0;
    let at = Math.floor(cursor);
    for (; at < this.#next; at++) {
      const { run, rank, step, time, values } = this.#steps[at % RING_RECORDS]!;
      if (taken > 0 && taken + values.length > limit) break;
      taken += values.length;
      for (const [key, value] of values) {
        const identity = JSON.stringify([run, rank, key]);
        let column = columns.get(identity);
        if (column === undefined) {
          column = { run, key, rank, step: [], time: [], value: [] };
          columns.set(identity, column);
        }
        column.step.push(step);
        column.time.push(time);
        column.value.push(value);
      }
    }
    return { cursor: at, truncated: at < this.#next, points: [...columns.values()] };
  }
}
