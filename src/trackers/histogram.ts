/** How values of one moment are distributed: gradients, parameters, activations. */
export interface Histogram {
  /** Edges of the bins, rising and finite: one more than `counts`. Empty when no value was finite. */
  readonly edges: readonly number[];
  /** Values in each bin: from its left edge on, the last one with its right edge. */
  readonly counts: readonly number[];
  /** Of the finite values, exact; undefined where only bins were given. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly sum: number | undefined;
  /** Values that no bin can hold. */
  readonly nan: number;
  readonly positiveInfinity: number;
  readonly negativeInfinity: number;
}

/** Most bins of a histogram: W&B takes no more (`Histogram.MAX_LENGTH` of wandb 0.31). */
export const MAX_BINS = 512;

/** What is wrong with bins; undefined when nothing is. */
export function binsProblem(edges: readonly number[], counts: readonly number[]): string | undefined {
  if (counts.length > MAX_BINS) return `${counts.length} bins, more than ${MAX_BINS}`;
  if (edges.length !== (counts.length === 0 ? 0 : counts.length + 1))
    return `${edges.length} edges for ${counts.length} counts (one more is needed)`;
  if (!edges.every((edge, index) => Number.isFinite(edge) && (index === 0 || edge > (edges[index - 1] ?? 0))))
    return 'edges that are not finite, or do not rise';
  if (!counts.every((count) => Number.isFinite(count) && count >= 0))
    return 'a count that is no number from 0 on';
  return undefined;
}

/** The body of a histogram's event. */
export function histogramBody(histogram: Histogram): { [name: string]: number | number[] } {
  const { edges, counts, min, max, sum, nan, positiveInfinity, negativeInfinity } = histogram;
  return {
    edges: [...edges],
    counts: [...counts],
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(sum === undefined ? {} : { sum }),
    ...(nan === 0 ? {} : { nan }),
    ...(positiveInfinity === 0 ? {} : { positive_infinity: positiveInfinity }),
    ...(negativeInfinity === 0 ? {} : { negative_infinity: negativeInfinity }),
  };
}

/** The histogram that an event's body is; undefined when it is none. */
export function readHistogram(body: unknown): Histogram | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const values = body as Readonly<Record<string, unknown>>;
  const edges = numbers(values['edges']);
  const counts = numbers(values['counts']);
  if (!edges || !counts || binsProblem(edges, counts) !== undefined) return undefined;
  const finite = (name: string): number | undefined =>
    typeof values[name] === 'number' && Number.isFinite(values[name]) ? values[name] : undefined;
  const count = (name: string): number => Math.max(0, finite(name) ?? 0);
  return {
    edges,
    counts,
    min: finite('min'),
    max: finite('max'),
    sum: finite('sum'),
    nan: count('nan'),
    positiveInfinity: count('positive_infinity'),
    negativeInfinity: count('negative_infinity'),
  };
}

/**
 * Figures of a histogram for places that hold numbers only, by name: `min`, `max`, `mean`, `p05`, `p50`, `p95`, and
 * `nan` and `infinite` when there were such values. Percentiles are read off the bins, as if values lay evenly in each;
 * so are the others where only bins were given.
 */
export function histogramFigures(histogram: Histogram): Record<string, number> {
  const { edges, counts, nan } = histogram;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const figures: Record<string, number> = {};
  if (total > 0) {
    const first = counts.findIndex((count) => count > 0);
    const last = counts.findLastIndex((count) => count > 0);
    const { min = edges[first] ?? 0, max = edges[last + 1] ?? 0 } = histogram;
    const within = (value: number): number => Math.min(max, Math.max(min, value));
    figures['min'] = min;
    figures['max'] = max;
    figures['mean'] = within(
      histogram.sum === undefined ? binnedMean(histogram, total) : histogram.sum / total,
    );
    for (const [name, share] of PERCENTILES) figures[name] = within(percentile(histogram, total * share));
  }
  return { ...figures, ...nonFiniteCounts(histogram, nan) };
}

/** Counts of what no bin holds, for places whose histograms cannot say it. Empty when all values were finite. */
export function nonFiniteCounts(histogram: Histogram, nan = histogram.nan): Record<string, number> {
  const infinite = histogram.positiveInfinity + histogram.negativeInfinity;
  return { ...(nan > 0 ? { nan } : {}), ...(infinite > 0 ? { infinite } : {}) };
}

const PERCENTILES = [
  ['p05', 0.05],
  ['p50', 0.5],
  ['p95', 0.95],
] as const;

function binnedMean({ edges, counts }: Histogram, total: number): number {
  return counts.reduce((sum, count, bin) => sum + binMiddle(edges, bin) * (count / total), 0);
}

/** Middle of a bin; its edges may be so far apart that their sum is no double. */
export function binMiddle(edges: readonly number[], bin: number): number {
  return (edges[bin] as number) / 2 + (edges[bin + 1] as number) / 2;
}

/** The value below which `wanted` values lie. */
function percentile({ edges, counts }: Histogram, wanted: number): number {
  let below = 0;
  for (const [bin, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const share = (wanted - below) / count;
      return (edges[bin] as number) * (1 - share) + (edges[bin + 1] as number) * share;
    }
    below += count;
  }
  return edges.at(-1) as number;
}

function numbers(value: unknown): number[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'number') ? value : undefined;
}
