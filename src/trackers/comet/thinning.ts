/** Values of a metric that are all sent; from there on fewer and fewer, so that a long run stays below Comet's limit. */
const ALL_UP_TO = 4096;

/** By metric: how many values there were, and the newest one that was left out. Plain JSON. */
export type ThinningState = {
  readonly [metric: string]: readonly [count: number, skipped: SkippedValue | null];
};
export type SkippedValue = {
  readonly value: number;
  readonly step: number;
  readonly epoch: number | null;
  readonly time: number;
};

/**
 * Comet keeps 15,000 values of a metric and takes 12,000 values a minute of all together: of the values of one metric
 * beyond the 4096th every second is sent, beyond twice as many every fourth, and so on (100,000 values are about
 * 13,500). What is not finite is always sent, and so is the last value of all. Which ones are sent depends on their
 * place alone, so records that come twice are thinned alike.
 */
export class Thinning {
  readonly #metrics = new Map<string, [count: number, skipped: SkippedValue | null]>();
  /** Values left out in all. */
  left = 0;

  constructor(state: ThinningState = {}) {
    for (const [metric, [count, skipped]] of Object.entries(state))
      this.#metrics.set(metric, [count, skipped]);
  }

  /** True: it is to be sent. */
  keeps(metric: string, value: SkippedValue): boolean {
    let entry = this.#metrics.get(metric);
    if (!entry) this.#metrics.set(metric, (entry = [0, null]));
    const place = entry[0]++;
    const kept = !Number.isFinite(value.value) || place % strideAt(place) === 0;
    entry[1] = kept ? null : value;
    if (!kept) this.left++;
    return kept;
  }

  /** The newest values, of the metrics whose newest was left out. */
  last(): [metric: string, value: SkippedValue][] {
    const values = [...this.#metrics].flatMap(([metric, [, skipped]]): [string, SkippedValue][] =>
      skipped ? [[metric, skipped]] : [],
    );
    for (const entry of this.#metrics.values()) entry[1] = null;
    return values;
  }

  state(): ThinningState {
    return Object.fromEntries(
      Array.from(this.#metrics, ([metric, [count, skipped]]) => [metric, [count, skipped] as const]),
    );
  }
}

function strideAt(place: number): number {
  return place < ALL_UP_TO ? 1 : 2 ** (Math.floor(Math.log2(place / ALL_UP_TO)) + 1);
}
