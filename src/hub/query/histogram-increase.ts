import type { HistogramSeries, StoredHistogram } from '../store/store.ts';
import { type Buckets, onBounds } from './buckets.ts';
import { type Sighting, type Window, countedSince, isReset, sinceReset } from './increase.ts';

/** The values that a histogram took up after `from`, as reported at `to` (ms since the epoch). */
export interface HistogramIncrement {
  from: number;
  to: number;
  buckets: Buckets;
}

/**
 * What a histogram took up in the window, report by report; resets, first points and the window's edges as in
 * `increments`. Bounds may change between two points (exponential histograms grow and change scale): the earlier
 * point is put on the later one's bounds before it is taken off.
 */
export function histogramIncrements(
  series: HistogramSeries,
  window: Window,
  sighting: Sighting,
): HistogramIncrement[] {
  const found: HistogramIncrement[] = [];
  let base: StoredHistogram | undefined;
  for (const point of series.points) {
    if (point.time > window.to) break;
    if (point.time > window.from) {
      const increment =
        series.temporality === 'delta'
          ? { from: deltaStart(point, base), to: point.time, buckets: whole(point) }
          : cumulativeIncrement(base, point, sighting);
      if (increment) found.push(increment);
    }
    base = point;
  }
  return found;
}

function deltaStart(point: StoredHistogram, previous: StoredHistogram | undefined): number {
  return point.start > 0 ? Math.min(point.start, point.time) : (previous?.time ?? point.time);
}

function cumulativeIncrement(
  base: StoredHistogram | undefined,
  point: StoredHistogram,
  sighting: Sighting,
): HistogramIncrement | undefined {
  if (!base) {
    const from = countedSince(point, sighting);
    return from === undefined ? undefined : { from, to: point.time, buckets: whole(point) };
  }
  if (!isReset(base, point) && point.count >= base.count) {
    const before = onBounds(whole(base), point.bounds);
    const counts = point.counts.map((count, i) => count - (before[i] ?? 0));
    // A bucket that fell while the count did not: also a reset, of a sender without start times.
    if (counts.every((count) => count >= -1e-9)) {
      return {
        from: base.time,
        to: point.time,
        buckets: {
          bounds: point.bounds,
          counts: counts.map((count) => Math.max(0, count)),
          count: point.count - base.count,
          sum: point.sum === undefined || base.sum === undefined ? undefined : point.sum - base.sum,
          min: point.min,
          max: point.max,
        },
      };
    }
  }
  return { from: sinceReset(base, point), to: point.time, buckets: whole(point) };
}

function whole(point: StoredHistogram): Buckets {
  const { bounds, counts, count, sum, min, max } = point;
  return { bounds, counts: counts.length > 0 ? counts : [count], count, sum, min, max };
}
