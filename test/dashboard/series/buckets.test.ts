import { describe, expect, it } from 'vitest';
import { bucketsOf, quantilePlace } from '../../../src/dashboard/page/series/buckets.ts';

const histogram = { bounds: [1, 2, 4, 8, 16], counts: [0, 0, 3, 1, 0, 0], count: 4, sum: 12 };

describe('a histogram', () => {
  it('is cut to where its values are, one empty bucket on each side', () => {
    const buckets = bucketsOf(histogram);
    expect(buckets.map(({ from, to, count }) => [from, to, count])).toEqual([
      [1, 2, 0],
      [2, 4, 3],
      [4, 8, 1],
      [8, 16, 0],
    ]);
    expect(buckets.map(({ share }) => share)).toEqual([0, 0.75, 0.25, 0]);
  });

  it('without values has no bars and no percentiles', () => {
    expect(bucketsOf({ bounds: [1], counts: [0, 0], count: 0, sum: 0 })).toEqual([]);
    expect(quantilePlace([], 0.5)).toBeUndefined();
  });

  it('has its percentiles where Prometheus would put them', () => {
    const buckets = bucketsOf(histogram);
    expect(quantilePlace(buckets, 0.5)).toMatchObject({ index: 1, value: 2 + 2 * (2 / 3) });
    expect(quantilePlace(buckets, 1)).toMatchObject({ index: 2, value: 8 });
  });

  it('has no percentile beyond the largest value, nor below the smallest', () => {
    const buckets = bucketsOf(histogram);
    expect(quantilePlace(buckets, 1, { min: 3, max: 5 })).toEqual({ index: 2, within: 0.25, value: 5 });
    expect(quantilePlace(buckets, 0.01, { min: 3, max: 5 })).toEqual({ index: 1, within: 0.5, value: 3 });
  });

  it('that is open at the top claims no more than its last bound', () => {
    const buckets = bucketsOf({ bounds: [1], counts: [0, 5], count: 5, sum: 50 });
    expect(quantilePlace(buckets, 0.99)?.value).toBe(1);
  });
});
