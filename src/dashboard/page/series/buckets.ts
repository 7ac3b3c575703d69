import type { MetricQueryResponse } from '../../../conventions/hub-api.ts';

export interface Bucket {
  /** Bounds of the bucket, exclusive and inclusive; the first has no lower, the last no upper bound. */
  from: number | null;
  to: number | null;
  count: number;
  /** Share of all values, 0 … 1. */
  share: number;
}

type Histogram = NonNullable<MetricQueryResponse['histogram']>;

/** Buckets from the first to the last that holds something, with one empty neighbour on each side for the eye. */
export function bucketsOf({ bounds, counts, count }: Histogram): Bucket[] {
  const all = counts.map(
    (n, i): Bucket => ({
      from: bounds[i - 1] ?? null,
      to: bounds[i] ?? null,
      count: n,
      share: count > 0 ? n / count : 0,
    }),
  );
  const first = all.findIndex((bucket) => bucket.count > 0);
  if (first < 0) return [];
  const last = all.findLastIndex((bucket) => bucket.count > 0);
  return all.slice(Math.max(0, first - 1), last + 2);
}

/**
 * Where the quantile `q` lies among `buckets`: the bucket's index and the share of the bucket before it, on the
 * assumption (Prometheus' `histogram_quantile`) that values are even within a bucket. `undefined` without values.
 * @param within smallest and largest value where they are known: no quantile lies beyond them, as in the hub's summary.
 */
export function quantilePlace(
  buckets: readonly Bucket[],
  q: number,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Pick<Histogram, 'min' | 'max'> = {},
): { index: number; within: number; value: number | null } | undefined {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  if (total === 0) return undefined;
  let before = 0;
  const rank = q * total;
  for (const [index, bucket] of buckets.entries()) {
    if (bucket.count > 0 && before + bucket.count >= rank) {
      const low = bucket.from ?? 0;
      if (bucket.to === null) return { index, within: 0, value: bucket.from };
      const width = bucket.to - low;
      const value = Math.max(min, Math.min(max, low + (width * (rank - before)) / bucket.count));
      return { index, within: Math.min(1, Math.max(0, (value - low) / width)), value };
    }
    before += bucket.count;
  }
  return undefined;
}
