import type { HistogramQuery, SeriesIdentity } from '../store/store.ts';
import { type HistogramIncrement, histogramIncrements } from './histogram-increase.ts';
import { type Increment, type Window, increments } from './increase.ts';
import type { Reading } from './reading.ts';
import { sightings } from './sightings.ts';

/** A counter (or a histogram's count) that can be asked for its increments in any window of the time that was read. */
export interface Counter {
  identity: SeriesIdentity;
  increments(window: Window): Increment[];
}
export interface Histogram {
  identity: SeriesIdentity;
  increments(window: Window): HistogramIncrement[];
}

/** The counters of a metric; those of a histogram are its counts. `columns` as in `readHistograms`. */
export async function readCounters(reading: Reading, query: HistogramQuery): Promise<Counter[]> {
  const sums = (await reading.points({ ...query, maxPoints: 4, before: true })).filter(
    (series) => series.kind === 'sum',
  );
  if (sums.length > 0) {
    const seen = sightings(sums.map((series) => ({ ...series, times: series.time })));
    return sums.map((series, i) => ({
      identity: series,
      increments: (window) => increments(series, window, seen[i]),
    }));
  }
  return (await readHistograms(reading, query)).map((histogram) => ({
    identity: histogram.identity,
    increments: (window) =>
      histogram.increments(window).map(({ from, to, buckets }) => ({ from, to, amount: buckets.count })),
  }));
}

/**
 * The histograms of a metric. With `columns`, reports are thinned to the columns of the range: what a window takes up
 * is exact where it begins and ends with a column.
 */
export async function readHistograms(reading: Reading, query: HistogramQuery): Promise<Histogram[]> {
  const all = await reading.histograms(query);
  const seen = sightings(
    all.map((series) => ({ ...series, times: series.points.map((point) => point.time) })),
  );
  return all.map((series, i) => ({
    identity: series,
    increments: (window) => histogramIncrements(series, window, seen[i] as (typeof seen)[number]),
  }));
}
