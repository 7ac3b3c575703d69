import type { HistogramRecord } from '../sink.ts';
import { histogramFigures, type Histogram } from '../histogram.ts';
import { MAX_KEY, shortened } from './experiment.ts';

/** Comet's own bins (`Histogram` of comet_ml 3.58): zero, and on both sides widths that grow by a tenth. */
const START = 1e-12;
const STOP = 1e20;
const STEP = 1.1;

/** An asset of a step: there is one a name and step. */
export interface HistogramAsset {
  readonly seq: number;
  readonly fileName: string;
  readonly type: 'histogram3d';
  readonly step: number;
  readonly epoch: number | undefined;
  readonly time: number;
  /** JSON. */
  readonly content: string;
}

/** What Comet draws as a histogram over steps; undefined when there is nothing to count. */
export function histogramAsset({
  seq,
  name,
  step,
  epoch,
  time,
  histogram,
}: HistogramRecord): HistogramAsset | undefined {
  const counts = cometCounts(histogram);
  if (counts.length === 0) return undefined;
  return {
    seq,
    fileName: shortened(name, MAX_KEY),
    type: 'histogram3d',
    step: Number.isSafeInteger(step) ? step : 0,
    epoch: epoch === undefined || !Number.isFinite(epoch) ? undefined : Math.floor(epoch),
    time: Math.floor(time),
    content: JSON.stringify({
      version: 2,
      index_values: counts,
      values: null,
      offset: 0,
      start: START,
      stop: STOP,
      step: STEP,
    }),
  };
}

/** Index and count of Comet's bins that are not empty: the counts of ours, as if values lay evenly in each. */
export function cometCounts({ edges, counts, ...more }: Histogram): [index: number, count: number][] {
  const figures = histogramFigures({ edges, counts, ...more });
  const found = new Map<number, number>();
  for (const [bin, count] of counts.entries()) {
    if (count === 0) continue;
    // no value lies outside of the smallest and the largest one
    const low = Math.max(edges[bin] as number, figures['min'] as number);
    const high = Math.min(edges[bin + 1] as number, figures['max'] as number);
    let placed = 0;
    const last = cometBin(high);
    for (let index = cometBin(low); index <= last; index++) {
      const end = Math.min(high, EDGES[index + 1] as number);
      const share = index === last || high === low ? 1 : (end / 2 - low / 2) / (high / 2 - low / 2);
      // whole values, and all of them in the end
      const upTo = Math.round(count * share);
      if (upTo > placed) found.set(index, (found.get(index) ?? 0) + upTo - placed);
      placed = Math.max(placed, upTo);
    }
  }
  return [...found].sort(([a], [b]) => a - b);
}

const EDGES = cometEdges();

function cometEdges(): readonly number[] {
  const positive: number[] = [];
  for (let value = START; value <= STOP; value *= STEP) positive.push(value);
  return [-Infinity, ...positive.toReversed().map((value) => -value), 0, ...positive, Infinity];
}

/** The bin of a finite value: from its left edge on. */
function cometBin(value: number): number {
  let low = 0;
  let high = EDGES.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((EDGES[middle] as number) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
