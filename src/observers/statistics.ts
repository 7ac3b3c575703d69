import type { Statistic } from '../conventions/index.ts';

export type SampleStatistics = Readonly<Record<Statistic, number>>;

interface Window {
  count: number;
  sum: number;
  min: number;
  max: number;
}

/** Metric readers of one process; more than so many are not expected, and the oldest is forgotten. */
const MAX_READERS = 8;

/** Gives every metric reader a number. */
export class Readers {
  #known: object[] = [];

  numberOf(reader: object): number {
    const found = this.#known.indexOf(reader);
    if (found >= 0) return found;
    if (this.#known.length < MAX_READERS) return this.#known.push(reader) - 1;
    this.#known[MAX_READERS - 1] = reader;
    return MAX_READERS - 1;
  }
}

/**
 * Minimum, mean and maximum of the samples since each reader's last look: several readers do not take each other's
 * samples away. The first reader also gets those from before its first look.
 */
export class SampleWindows {
  readonly #windows: Window[] = [empty()];

  add(value: number): void {
    for (const window of this.#windows) {
      window.count++;
      window.sum += value;
      if (value < window.min) window.min = value;
      if (value > window.max) window.max = value;
    }
  }

  /**
   * Of the samples since that reader's last call. Undefined without any: its points would carry the time of a sample
   * that has been told of, with another value.
   */
  take(reader: number): SampleStatistics | undefined {
    while (this.#windows.length <= reader) this.#windows.push(empty());
    const { count, sum, min, max } = this.#windows[reader] as Window;
    this.#windows[reader] = empty();
    return count === 0 ? undefined : { min, mean: sum / count, max };
  }
}

function empty(): Window {
  return { count: 0, sum: 0, min: Infinity, max: -Infinity };
}
