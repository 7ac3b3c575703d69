import type { HistogramRow } from '../chunks/histogram-chunk.ts';
import type { StoredHistogram } from '../store.ts';

/** A stored row as the contract gives it: upper bounds ascending, one count more. */
export function toStoredHistogram(row: HistogramRow, exponential: boolean): StoredHistogram {
  const { time, start, count, sum, min, max } = row;
  // Not copied: rows that share their layout share their bounds, also in the message to the other thread.
  const buckets = exponential
    ? explicitBuckets(row)
    : { bounds: row.layout as number[], counts: row.counts as number[] };
  return { start, time, count, sum, min, max, ...buckets };
}

/**
 * Bucket i of an exponential histogram of scale s holds (base^i, base^(i+1)] with base = 2^(2^-s); negative ones
 * mirror it (opentelemetry-proto, ExponentialHistogramDataPoint). A bound is computed as 2^(i · 2^-s), so that
 * equal bounds of two scales are equal doubles. The zero bucket reaches from the nearest negative bound to the
 * nearest positive one.
 */
function explicitBuckets({ layout, counts }: HistogramRow): { bounds: number[]; counts: number[] } {
  const [scale = 0, , negativeOffset = 0, negatives = 0, positiveOffset = 0, positives = 0] = layout;
  const step = 2 ** -scale;
  const bounds: number[] = [];
  if (negatives > 0) for (let i = negatives; i >= 0; i--) bounds.push(-(2 ** ((negativeOffset + i) * step)));
  if (positives > 0) for (let i = 0; i <= positives; i++) bounds.push(2 ** ((positiveOffset + i) * step));
  const out = [...counts];
  if (negatives > 0) out.unshift(0);
  if (positives > 0) out.push(0);
  return { bounds, counts: out };
}
