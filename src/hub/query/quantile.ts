import { type Buckets, lowerEdge, total } from './buckets.ts';

export interface Quantile {
  value: number;
  /** The true quantile lies between the two: the bucket that holds it, cut by minimum and maximum where known. */
  low: number;
  high: number;
}

/**
 * Quantile of a histogram by linear interpolation inside the bucket, as Prometheus' `histogram_quantile` does it
 * (promql/quantile.go, `BucketQuantile`): the rank is `q` x count; the first bucket begins at 0 when its bound is
 * positive; a quantile in the bucket without an upper bound is the highest bound. Beyond Prometheus, the minimum
 * and the maximum clamp the result where the sender gave them. There is no interpolation up to the maximum: that of
 * a cumulative histogram may be an outlier of long ago.
 *
 * The error is at most the width of the bucket: `high - low`. `undefined` without a value or without bounds.
 * @param q between 0 and 1.
 */
export function quantile(histogram: Buckets, q: number): Quantile | undefined {
  const { bounds, counts, min, max } = histogram;
  const count = total(histogram);
  if (!(count > 0) || !(q >= 0 && q <= 1)) return undefined;
  const rank = q * count;
  let below = 0;
  let i = 0;
  for (; i < counts.length - 1; i++) {
    const inBucket = counts[i] as number;
    if (inBucket > 0 && below + inBucket >= rank) break;
    below += inBucket;
  }
  const inBucket = counts[i] as number;
  if (inBucket <= 0) {
    // Rounding put the rank past the last value: the top of the highest bucket that holds one.
    const last = counts.findLastIndex((c) => c > 0);
    const edge = bounds[last] as number;
    return clamp({ value: edge, low: lowerEdge(histogram, last), high: edge }, min, max);
  }
  const low = lowerEdge(histogram, i);
  const high = i < bounds.length ? (bounds[i] as number) : (max ?? Infinity);
  if (low === -Infinity && high === Infinity) return undefined;
  if (i > 0 && i === bounds.length) return clamp({ value: low, low, high }, min, max);
  if (high === Infinity) return clamp({ value: low, low, high }, min, max);
  if (low === -Infinity) return clamp({ value: high, low, high }, min, max);
  return clamp({ value: low + ((high - low) * (rank - below)) / inBucket, low, high }, min, max);
}

function clamp(found: Quantile, min: number | undefined, max: number | undefined): Quantile {
  const within = (value: number) => Math.max(min ?? -Infinity, Math.min(max ?? Infinity, value));
  return { value: within(found.value), low: within(found.low), high: within(found.high) };
}
