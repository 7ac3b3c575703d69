import { binsProblem, type Histogram, MAX_BINS } from '../../trackers/index.ts';

/** Values to be counted (any list or typed array), or bins that were counted elsewhere. */
export type HistogramInput = Iterable<number | bigint> | HistogramBins;

/** Bins that are there already, as NumPy's `histogram` gives them. */
export interface HistogramBins {
  /** Rising, finite; one more than `counts`. */
  readonly edges: Iterable<number>;
  /** From each left edge on, the last bin with its right edge. */
  readonly counts: Iterable<number | bigint>;
  /** Values that no bin can hold. Default 0. */
  readonly nan?: number;
  readonly positiveInfinity?: number;
  readonly negativeInfinity?: number;
}

const DEFAULT_BINS = 64;

/**
 * The histogram of values, in `bins` bins of one width between the smallest and the largest finite value; values that
 * are all alike lie in the middle of bins one wide, as NumPy has it.
 * @throws TypeError for what is no list of numbers, for bins that are none, and for more than 512 of them.
 */
export function histogramOf(input: HistogramInput, bins: number = DEFAULT_BINS): Histogram {
  if (typeof input !== 'object' || input === null)
    throw new TypeError(`a list of numbers was expected, ${input === null ? 'null' : typeof input} came`);
  return Symbol.iterator in input ? counted(input, bins) : given(input);
}

function given({ edges, counts, nan, positiveInfinity, negativeInfinity }: HistogramBins): Histogram {
  const bins = { edges: Array.from(edges, Number), counts: Array.from(counts, Number) };
  const problem = binsProblem(bins.edges, bins.counts);
  if (problem !== undefined) throw new TypeError(problem);
  return {
    ...bins,
    min: undefined,
    max: undefined,
    sum: undefined,
    nan: nan ?? 0,
    positiveInfinity: positiveInfinity ?? 0,
    negativeInfinity: negativeInfinity ?? 0,
  };
}

function counted(values: Iterable<number | bigint>, bins: number): Histogram {
  if (!Number.isSafeInteger(bins) || bins < 1 || bins > MAX_BINS)
    throw new TypeError(`bins must be a whole number from 1 to ${MAX_BINS}, got ${String(bins)}`);
  // a typed array of floats is read twice and not copied
  const list = isNumbers(values) ? values : Array.from(values, numberOf);
  const counts = { nan: 0, positiveInfinity: 0, negativeInfinity: 0 };
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let finite = 0;
  for (const value of list) {
    if (value - value !== 0) {
      if (value !== value) counts.nan++;
      else if (value > 0) counts.positiveInfinity++;
      else counts.negativeInfinity++;
      continue;
    }
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    finite++;
  }
  if (finite === 0)
    return { edges: [], counts: [], min: undefined, max: undefined, sum: undefined, ...counts };
  const edges = edgesOf(min, max, bins);
  return {
    edges,
    counts: count(list, edges),
    min,
    max,
    sum: Number.isFinite(sum) ? sum : undefined,
    ...counts,
  };
}

/** Edges between two values, the last one exact. Fewer bins than asked for where doubles are too coarse for them. */
function edgesOf(min: number, max: number, bins: number): number[] {
  // half a unit to either side, or what the doubles there can tell apart
  const room = min === max ? Math.max(0.5, Math.abs(min) * 1e-9) : 0;
  const low = Math.max(-Number.MAX_VALUE, min - room);
  const high = Math.min(Number.MAX_VALUE, max + room);
  const edges = [low];
  for (let bin = 1; bin < bins; bin++) {
    const share = bin / bins;
    // the width itself may be more than a double holds
    const edge = low * (1 - share) + high * share;
    if (edge > (edges.at(-1) as number) && edge < high) edges.push(edge);
  }
  edges.push(high);
  return edges;
}

function count(values: Iterable<number>, edges: readonly number[]): number[] {
  const bins = edges.length - 1;
  const counts = Array.from({ length: bins }, () => 0);
  const low = edges[0] as number;
  const width = (edges[bins] as number) / bins - low / bins;
  for (const value of values) {
    if (value - value !== 0) continue;
    // about where it is; the edges decide
    let bin = Math.min(bins - 1, Math.max(0, Math.floor(value / width - low / width) || 0));
    while (bin > 0 && value < (edges[bin] as number)) bin--;
    while (bin < bins - 1 && value >= (edges[bin + 1] as number)) bin++;
    (counts[bin] as number)++;
  }
  return counts;
}

function isNumbers(values: Iterable<number | bigint>): values is Iterable<number> {
  return (
    ArrayBuffer.isView(values) && !(values instanceof BigInt64Array) && !(values instanceof BigUint64Array)
  );
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  throw new TypeError(`numbers were expected, among them is ${value === null ? 'null' : typeof value}`);
}
