/** What is used of Node's `IntervalHistogram`; nanoseconds. */
export interface DelayHistogram {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  percentile(percentile: number): number;
}

/** Seconds. */
export interface DelayReading {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/**
 * Delay of the event loop from Node's histogram, which holds the time between two looks: an idle loop shows the
 * resolution itself (10 ms), not 0. That part is taken off, so that the figure is what a request really waited.
 * Undefined when nothing was measured.
 *
 * @param resolution Milliseconds between two looks.
 */
export function delayReading(histogram: DelayHistogram, resolution: number): DelayReading | undefined {
  if (histogram.count === 0) return undefined;
  const delay = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolution / 1000);
  return {
    min: delay(histogram.min),
    max: delay(histogram.max),
    mean: delay(histogram.mean),
    stddev: histogram.stddev / 1e9,
    p50: delay(histogram.percentile(50)),
    p90: delay(histogram.percentile(90)),
    p99: delay(histogram.percentile(99)),
  };
}
