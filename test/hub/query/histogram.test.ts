import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Buckets, countUpTo, mean, merge, onBounds, total } from '../../../src/hub/query/buckets.ts';
import { distribution, merged } from '../../../src/hub/query/distribution.ts';
import { histogramIncrements } from '../../../src/hub/query/histogram-increase.ts';
import { quantile } from '../../../src/hub/query/quantile.ts';
import { histogramSeries } from '../fake-store.ts';

const boundsArbitrary = fc
  .uniqueArray(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 12 })
  .map((bounds) => bounds.sort((a, b) => a - b));
const valuesArbitrary = fc.array(fc.double({ min: 0, max: 120, noNaN: true }), {
  minLength: 1,
  maxLength: 200,
});

function counted(values: readonly number[], bounds: readonly number[], extremes = true): Buckets {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0);
  for (const value of values) {
    const at = bounds.findIndex((bound) => value <= bound);
    const i = at < 0 ? bounds.length : at;
    counts[i] = (counts[i] as number) + 1;
  }
  return {
    bounds,
    counts,
    count: values.length,
    sum: values.reduce((a, b) => a + b, 0),
    min: extremes ? Math.min(...values) : undefined,
    max: extremes ? Math.max(...values) : undefined,
  };
}

/** The value at the rank of Prometheus: of n sorted values, the ceil(q n)-th. */
function exact(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number;
}

describe('quantile of a histogram', () => {
  it('is within the bucket that holds the true one, and says which that is', () => {
    fc.assert(
      fc.property(
        valuesArbitrary,
        boundsArbitrary,
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, bounds, q) => {
          // A rank that is whole but for rounding may fall into either bucket.
          fc.pre(Math.abs(q * values.length - Math.round(q * values.length)) > 1e-9);
          const found = quantile(counted(values, bounds), q);
          const truth = exact(values, q);
          expect(found?.low).toBeLessThanOrEqual(truth);
          expect(found?.high).toBeGreaterThanOrEqual(truth);
          expect(found?.value).toBeGreaterThanOrEqual(found?.low as number);
          expect(found?.value).toBeLessThanOrEqual(found?.high as number);
        },
      ),
    );
  });

  it('never falls as q grows', () => {
    fc.assert(
      fc.property(valuesArbitrary, boundsArbitrary, (values, bounds) => {
        const histogram = counted(values, bounds, false);
        const found = [0, 0.1, 0.5, 0.9, 0.99, 1].map((q) => quantile(histogram, q)?.value as number);
        for (let i = 1; i < found.length; i++)
          expect(found[i]).toBeGreaterThanOrEqual((found[i - 1] as number) - 1e-9);
      }),
    );
  });

  it('interpolates as histogram_quantile does', () => {
    const histogram = {
      bounds: [1, 2, 4],
      counts: [10, 20, 10, 0],
      count: 40,
      sum: 0,
      min: undefined,
      max: undefined,
    };
    expect(quantile(histogram, 0.5)?.value).toBe(1.5);
    expect(quantile(histogram, 0.25)?.value).toBe(1);
    expect(quantile(histogram, 0.125)?.value).toBe(0.5);
    expect(quantile(histogram, 1)?.value).toBe(4);
  });

  it('in the bucket without an upper bound is the highest bound; the maximum bounds the error', () => {
    const histogram = { bounds: [1], counts: [0, 4], count: 4, sum: 0, min: undefined, max: undefined };
    expect(quantile(histogram, 0.99)).toEqual({ value: 1, low: 1, high: Infinity });
    expect(quantile({ ...histogram, max: 3 }, 0.5)).toEqual({ value: 1, low: 1, high: 3 });
  });

  it('is unknown without a value', () => {
    expect(
      quantile({ bounds: [1], counts: [0, 0], count: 0, sum: 0, min: undefined, max: undefined }, 0.5),
    ).toBeUndefined();
  });

  it('of negative values without a minimum is the upper bound of the lowest bucket', () => {
    const histogram = {
      bounds: [-1, 1],
      counts: [4, 0, 0],
      count: 4,
      sum: 0,
      min: undefined,
      max: undefined,
    };
    expect(quantile(histogram, 0.5)?.value).toBe(-1);
  });
});

describe('histograms together', () => {
  it('of equal bounds add up exactly', () => {
    fc.assert(
      fc.property(valuesArbitrary, valuesArbitrary, boundsArbitrary, (a, b, bounds) => {
        const together = merge(counted(a, bounds), counted(b, bounds));
        const all = counted([...a, ...b], bounds);
        expect(together.counts).toEqual(all.counts);
        expect(mean(together)).toBeCloseTo(mean(all) as number, 9);
      }),
    );
  });

  it('of different bounds keep every value, and every count up to a bound that both have', () => {
    fc.assert(
      fc.property(
        valuesArbitrary,
        valuesArbitrary,
        boundsArbitrary,
        boundsArbitrary,
        fc.double({ min: 1, max: 50, noNaN: true }),
        (a, b, left, right, common) => {
          const bounds = (own: number[]) => [...new Set([...own, common])].sort((x, y) => x - y);
          const together = merge(counted(a, bounds(left), false), counted(b, bounds(right), false));
          expect(total(together)).toBeCloseTo(a.length + b.length, 6);
          const truth = [...a, ...b].filter((value) => value <= common).length;
          expect(countUpTo(together, common)).toBeCloseTo(truth, 6);
        },
      ),
    );
  });

  it('of nested bounds lose nothing on the coarser ones', () => {
    const fine = counted([0.5, 1.5, 2.5, 3.5, 9], [1, 2, 3, 4]);
    expect(onBounds(fine, [2, 4])).toEqual([2, 2, 1]);
  });
});

describe('increase of a histogram', () => {
  const window = { from: 100, to: 400 };
  const unseen = { since: undefined, before: () => undefined };

  it('takes the newest point before the window as its base, and a reset as new values', () => {
    const series = histogramSeries(
      'h',
      [
        { time: 90, start: 10, counts: [5, 5], sum: 50 },
        { time: 200, start: 10, counts: [6, 8], sum: 80 },
        { time: 300, start: 250, counts: [1, 0], sum: 1 },
        { time: 500, start: 250, counts: [9, 9], sum: 99 },
      ],
      [1],
    );
    const found = histogramIncrements(series, window, unseen);
    expect(found.map(({ buckets }) => buckets.counts)).toEqual([
      [1, 3],
      [1, 0],
    ]);
    expect(distribution(merged([found]))).toMatchObject({ count: 5, mean: 31 / 5 });
  });

  it('sees a reset by a bucket that fell, without start times', () => {
    const series = histogramSeries(
      'h',
      [
        { time: 90, counts: [5, 0] },
        { time: 200, counts: [1, 6] },
      ],
      [1],
    );
    expect(merged([histogramIncrements(series, window, unseen)]).counts).toEqual([1, 6]);
  });

  it('follows exponential buckets that grow between two points', () => {
    const series = histogramSeries('h', [], []);
    series.points = [
      {
        start: 1,
        time: 90,
        count: 4,
        sum: 8,
        min: undefined,
        max: undefined,
        bounds: [1, 2, 4],
        counts: [0, 2, 2, 0],
      },
      {
        start: 1,
        time: 200,
        count: 7,
        sum: 30,
        min: undefined,
        max: undefined,
        bounds: [0.5, 1, 2, 4, 8, 16],
        counts: [0, 1, 2, 2, 0, 2, 0],
      },
    ];
    const [found] = histogramIncrements(series, window, unseen);
    expect(found?.buckets).toMatchObject({ counts: [0, 1, 0, 0, 0, 2, 0], count: 3, sum: 22 });
  });

  it('adds deltas', () => {
    const series = histogramSeries(
      'h',
      [
        { time: 100, counts: [9, 9] },
        { time: 200, counts: [1, 2] },
        { time: 300, counts: [0, 4] },
      ],
      [1],
      {},
      { temporality: 'delta' },
    );
    expect(merged([histogramIncrements(series, window, unseen)]).counts).toEqual([1, 6]);
  });
});
