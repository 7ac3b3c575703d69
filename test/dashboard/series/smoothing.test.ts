import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { densityOf, MAX_SMOOTHING, smooth } from '../../../src/dashboard/page/series/smoothing.ts';

const steps = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const weight = fc.double({ min: 0, max: MAX_SMOOTHING, noNaN: true });

describe('smoothing', () => {
  it('leaves a constant that constant, from the first point on', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), weight, (value, kept) => {
        for (const y of smooth(
          steps(50),
          Array.from({ length: 50 }, () => value),
          kept,
        )) {
          expect(Math.abs((y ?? Number.NaN) - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-9 + 1e-300);
        }
      }),
    );
  });

  it('is not biased towards zero at the start', () => {
    expect(smooth([0, 1], [10, 20], 0.9)[0]).toBeCloseTo(10, 12);
    expect(smooth([0, 1], [10, 20], 0.9)[1]).toBeCloseTo((0.9 * 10 + 20) / 1.9, 12);
  });

  it('stays within the values that it averages', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1 }),
        weight,
        (y, kept) => {
          for (const value of smooth(steps(y.length), y, kept)) {
            expect(value).toBeGreaterThanOrEqual(Math.min(...y) - 1e-6);
            expect(value).toBeLessThanOrEqual(Math.max(...y) + 1e-6);
          }
        },
      ),
    );
  });

  it('skips breaks: what comes after is as if they were not there', () => {
    const with_ = smooth([0, 1, 2, 3], [4, null, 2, 3], 0.8);
    const without = smooth([0, 1, 2], [4, 2, 3], 0.8);
    expect(with_).toEqual([without[0], null, without[1], without[2]]);
  });

  it('does nothing at 0, and never stands still at the other end', () => {
    expect(smooth(steps(3), [1, 5, 2], 0)).toEqual([1, 5, 2]);
    expect(smooth(steps(3), [1, 5, 2], 1)).toEqual(smooth(steps(3), [1, 5, 2], MAX_SMOOTHING));
  });

  it('of a reduced line is near that of the whole', () => {
    const x = steps(10_000);
    const y = x.map((i) => 4 * Math.exp(-i / 3000) + 1);
    const kept = x.filter((i) => i % 10 === 0);
    const density = densityOf([{ x: kept, total: x.length }]);
    const whole = smooth(x, y, 0.99);
    const reduced = smooth(
      kept,
      kept.map((i) => y[i] ?? 0),
      0.99,
      density,
    );
    for (const [i, at] of kept.entries())
      expect(Math.abs((reduced[i] ?? 0) - (whole[at] ?? 0))).toBeLessThan(0.02);
  });

  it('goes by distance: a sparse line lags no further behind than a dense one beside it', () => {
    const dense = steps(1000);
    const sparse = dense.filter((i) => i % 100 === 0);
    const density = densityOf([dense, sparse].map((x) => ({ x, total: x.length })));
    const last =
      smooth(
        sparse,
        sparse.map((i) => -i),
        0.9,
        density,
      ).at(-1) ?? 0;
    expect(Math.abs(last - -900)).toBeLessThan(1);
  });

  it('of points one apart is the same with and without their density', () => {
    const y = [3, 1, 4, 1, 5];
    expect(densityOf([{ x: steps(5), total: 5 }])).toBe(1);
    expect(smooth(steps(5), y, 0.7, 1)).toEqual(smooth(steps(5), y, 0.7));
    expect(densityOf([{ x: [7], total: 1 }])).toBeUndefined();
  });
});
