/** Largest relative error of a quantile: 0.5 %. */
export const RELATIVE_ERROR = 0.005;
/** Values are told apart between these bounds (seconds: 1 us to 11 days); outside of them they count at the bound. */
const SMALLEST = 1e-6;
const LARGEST = 1e6;
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GAMMA = Math.log(GAMMA);

/**
 * A histogram of log-spaced buckets that can be merged: every value of a bucket is within 0.5 % of the value that
 * stands for it (Masson, Rim, Lee: "DDSketch", VLDB 2019). At most 2764 buckets, in practice some hundred.
 * Count, sum, minimum and maximum are exact.
 */
export class LogHistogram {
  count = 0;
  sum = 0;
  min = Infinity;
  max = -Infinity;
  /** Values of 0 and below. */
  #zero = 0;
  readonly #buckets = new Map<number, number>();

  record(value: number): void {
    if (!Number.isFinite(value)) return;
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (value <= 0) {
      this.#zero++;
      return;
    }
    const bounded = Math.min(Math.max(value, SMALLEST), LARGEST);
    const index = Math.ceil(Math.log(bounded) / LOG_GAMMA);
    this.#buckets.set(index, (this.#buckets.get(index) ?? 0) + 1);
  }

  /** Adds what `other` holds. */
  merge(other: LogHistogram): void {
    if (other.count === 0) return;
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    this.#zero += other.#zero;
    for (const [index, count] of other.#buckets) {
      this.#buckets.set(index, (this.#buckets.get(index) ?? 0) + count);
    }
  }

  /**
   * Quantiles by nearest rank: the smallest recorded value that at least `q` of all values do not exceed, to within
   * 0.5 %. `qs` ascending, 0-1; null each when nothing was recorded.
   */
  quantiles(qs: readonly number[]): (number | null)[] {
    if (this.count === 0) return qs.map(() => null);
    const indexes = [...this.#buckets.keys()].sort((a, b) => a - b);
    let position = -1;
    let seen = this.#zero;
    let value = Math.min(0, this.max);
    return qs.map((q) => {
      const rank = Math.max(1, Math.ceil(q * this.count));
      while (seen < rank && position < indexes.length - 1) {
        position++;
        const index = indexes[position] as number;
        seen += this.#buckets.get(index) ?? 0;
        value = (2 * GAMMA ** index) / (GAMMA + 1);
      }
      return rank >= this.count ? this.max : Math.min(Math.max(value, this.min), this.max);
    });
  }
}
