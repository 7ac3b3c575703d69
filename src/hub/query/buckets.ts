/** Counts of values by bucket: bucket `i` holds values above `bounds[i - 1]`, up to and with `bounds[i]`. */
export interface Buckets {
  /** Upper bounds, ascending; the last bucket has none. */
  bounds: readonly number[];
  /** One more than `bounds`. Fractions come from merging histograms whose bounds differ. */
  counts: readonly number[];
  count: number;
  sum: number | undefined;
  /** Smallest and largest value, where known. They may be those of a longer time than the counts. */
  min: number | undefined;
  max: number | undefined;
}

export const NO_BUCKETS: Buckets = {
  bounds: [],
  counts: [0],
  count: 0,
  sum: 0,
  min: undefined,
  max: undefined,
};

/**
 * Counts on other bounds. The number of values up to a bound is exact where the histogram has that bound, or where
 * the bucket around it is empty (so growing exponential histograms and nested scales lose nothing); inside a bucket
 * it is interpolated. Values above the last bound of the histogram stay above every bound unless its maximum is
 * known.
 */
export function onBounds(histogram: Buckets, bounds: readonly number[]): readonly number[] {
  if (sameBounds(histogram.bounds, bounds)) return histogram.counts;
  const upTo = bounds.map((bound) => countUpTo(histogram, bound));
  const counts = upTo.map((count, i) => Math.max(0, count - (i > 0 ? (upTo[i - 1] as number) : 0)));
  counts.push(Math.max(0, total(histogram) - (upTo.at(-1) ?? 0)));
  return counts;
}

/** How many of the values are at or below `limit`, interpolated inside a bucket. */
export function countUpTo(histogram: Buckets, limit: number): number {
  const { bounds, counts } = histogram;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] as number;
    const high = i < bounds.length ? (bounds[i] as number) : (histogram.max ?? Infinity);
    if (limit >= high) {
      below += count;
      continue;
    }
    if (count === 0) return below;
    const low = lowerEdge(histogram, i);
    if (limit <= low || high === Infinity || low === -Infinity) return below;
    return below + (count * (limit - low)) / (high - low);
  }
  return below;
}

/** Where bucket `i` begins. The first one begins at 0 when its bound is positive (as in Prometheus), else at `min`. */
export function lowerEdge({ bounds, min }: Buckets, i: number): number {
  if (i > 0) return bounds[i - 1] as number;
  const first = bounds[0];
  if (first === undefined) return min ?? -Infinity;
  if (min !== undefined && min < Math.min(first, 0)) return min;
  return first > 0 ? 0 : (min ?? -Infinity);
}

/** Histograms together. Equal bounds add up exactly; different ones are put on all bounds of both (`onBounds`). */
export function merge(a: Buckets, b: Buckets): Buckets {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const bounds = sameBounds(a.bounds, b.bounds)
    ? a.bounds
    : [...new Set([...a.bounds, ...b.bounds])].sort((x, y) => x - y);
  const left = onBounds(a, bounds);
  const right = onBounds(b, bounds);
  return {
    bounds,
    counts: left.map((count, i) => count + (right[i] as number)),
    count: a.count + b.count,
    sum: a.sum === undefined || b.sum === undefined ? undefined : a.sum + b.sum,
    min: known(Math.min, a.min, b.min),
    max: known(Math.max, a.max, b.max),
  };
}

/** `null` without a value or a sum. */
export function mean({ count, sum }: Buckets): number | null {
  return count > 0 && sum !== undefined ? sum / count : null;
}

export function total({ counts }: Buckets): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

export function sameBounds(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((bound, i) => bound === b[i]);
}

/** Of a part unknown, the whole is unknown: a clamp by a minimum that misses some values would be wrong. */
function known(
  pick: (a: number, b: number) => number,
  a: number | undefined,
  b: number | undefined,
): number | undefined {
  return a === undefined || b === undefined ? undefined : pick(a, b);
}
