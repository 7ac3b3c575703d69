import { array, assert, double, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogHistogram, RELATIVE_ERROR } from '../../../src/serving/performance/log-histogram.ts';

const QUANTILES = [0, 0.01, 0.5, 0.95, 0.99, 1];
/** Durations between 10 us and a day, evenly over their magnitudes. */
const duration = double({ min: -5, max: 4.9, noNaN: true }).map((exponent) => 10 ** exponent);

function exact(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] as number;
}
function expectClose(histogram: LogHistogram, values: number[]): void {
  const found = histogram.quantiles(QUANTILES);
  QUANTILES.forEach((q, i) => {
    const expected = exact(values, q);
    const error = Math.abs((found[i] as number) - expected);
    expect(error, `q=${q}`).toBeLessThanOrEqual(expected * RELATIVE_ERROR * (1 + 1e-9));
  });
}

describe('a log histogram', () => {
  it('gives quantiles within 0.5 % of the exact ones', () => {
    assert(
      property(array(duration, { minLength: 1, maxLength: 300 }), (values) => {
        const histogram = new LogHistogram();
        for (const value of values) histogram.record(value);
        expectClose(histogram, values);
      }),
    );
  });

  it('gives the same when it is merged from parts', () => {
    assert(
      property(
        array(duration, { minLength: 1, maxLength: 200 }),
        integer({ min: 1, max: 7 }),
        (values, parts) => {
          const merged = new LogHistogram();
          for (let part = 0; part < parts; part++) {
            const histogram = new LogHistogram();
            values.forEach((value, i) => {
              if (i % parts === part) histogram.record(value);
            });
            merged.merge(histogram);
          }
          expectClose(merged, values);
          expect(merged.count).toBe(values.length);
          expect(merged.sum).toBeCloseTo(
            values.reduce((a, b) => a + b, 0),
            6,
          );
        },
      ),
    );
  });

  it('has no quantile when it is empty, and takes zero and odd values', () => {
    const histogram = new LogHistogram();
    expect(histogram.quantiles([0.5])).toEqual([null]);
    for (const value of [Number.NaN, Infinity, 0, 0, 1]) histogram.record(value);
    expect(histogram.count).toBe(3);
    expect(histogram.quantiles([0.5, 1])).toEqual([0, 1]);
  });
});
