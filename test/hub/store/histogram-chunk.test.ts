import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeHistogramChunk,
  encodeHistogramChunk,
  type HistogramRow,
} from '../../../src/hub/store/chunks/histogram-chunk.ts';
import { toStoredHistogram } from '../../../src/hub/store/read/histogram-bounds.ts';

const number = fc.double({ noNaN: false });
const row = fc
  .record({
    time: fc.double({ noNaN: true }),
    start: fc.double({ noNaN: true }),
    count: fc.maxSafeInteger(),
    sum: fc.option(number, { nil: undefined }),
    min: fc.option(number, { nil: undefined }),
    max: fc.option(number, { nil: undefined }),
    layout: fc.constantFrom([1, 2, 3], [0.5], []),
    extra: fc.array(fc.nat(1e9), { minLength: 4, maxLength: 4 }),
  })
  .map(
    ({ extra, ...fields }): HistogramRow => ({ ...fields, counts: extra.slice(0, fields.layout.length + 1) }),
  );

test('histogram points of changing bounds come back as they went in', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
      expect(decodeHistogramChunk(encodeHistogramChunk(rows), rows.length)).toEqual(rows);
    }),
    { numRuns: 200 },
  );
});

test('an exponential histogram is written out with the bounds of its scale, negative side and zero included', () => {
  const base = { time: 1, start: 0, count: 10, sum: undefined, min: undefined, max: undefined };
  // Scale 0: base 2. Negative buckets [-4,-2) has 1 and [-2,-1) has 2; zero 3; positive (1,2] has 4.
  const both = toStoredHistogram({ ...base, layout: [0, 0, 0, 2, 0, 1], counts: [1, 2, 3, 4] }, true);
  expect(both).toMatchObject({ bounds: [-4, -2, -1, 1, 2], counts: [0, 1, 2, 3, 4, 0] });
  const positive = toStoredHistogram({ ...base, layout: [1, 0, 0, 0, 2, 2], counts: [3, 4, 5] }, true);
  expect(positive).toMatchObject({ bounds: [2, 2 ** 1.5, 4], counts: [3, 4, 5, 0] });
  const zero = toStoredHistogram({ ...base, layout: [1, 0, 0, 0, 0, 0], counts: [3] }, true);
  expect(zero).toMatchObject({ bounds: [], counts: [3] });
});
