import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsOf, lineOf, type SeriesColumns, xOf } from '../../../src/dashboard/page/series/columns.ts';
import { foldPoints } from '../../../src/dashboard/page/series/fold.ts';

const empty = (reduced = false): SeriesColumns => ({
  step: [],
  time: [],
  value: [],
  nonFinite: [],
  nonFiniteTotal: 0,
  total: 0,
  reduced,
});
const points = (values: number[], from = 0) => ({
  step: values.map((_, i) => from + i),
  time: values.map((_, i) => 1000 + from + i),
  value: values,
});
const whole = { axis: 'step', startedAt: 1000, columnWidth: 0 } as const;

describe('points that come live', () => {
  it('are appended to a complete series', () => {
    const { columns, reread } = foldPoints(
      foldPoints(empty(), points([3, 2]), whole).columns,
      points([1], 2),
      whole,
    );
    expect(columns).toMatchObject({ step: [0, 1, 2], value: [3, 2, 1], total: 3 });
    expect(reread).toBe(false);
  });

  it('are taken once, when the read had them already', () => {
    const before = foldPoints(empty(), points([3, 2, 1]), whole).columns;
    const { columns, reread } = foldPoints(before, points([2, 1, 0], 1), whole);
    expect(columns.value).toEqual([3, 2, 1, 0]);
    expect(reread).toBe(false);
  });

  it('that belong before the end ask for a new read', () => {
    const before = foldPoints(empty(), points([3, 2], 10), whole).columns;
    expect(foldPoints(before, points([9], 3), whole).reread).toBe(true);
    const repeated = { step: [10], time: [9999], value: [5] };
    expect(foldPoints(before, repeated, whole)).toMatchObject({ reread: true, columns: { value: [3, 2] } });
  });

  it('that are not finite are kept apart, at their true place, and counted', () => {
    const { columns } = foldPoints(empty(), { step: [0, 1], time: [1000, 1001], value: [1, 'NaN'] }, whole);
    expect(columns.nonFinite).toEqual([{ step: 1, time: 1001, value: Number.NaN }]);
    expect(columns.nonFiniteTotal).toBe(1);
    expect(lineOf(columns, 'step', 1000)).toEqual({ x: [0, 1], y: [1, null] });
  });

  it('leave of each column first, lowest, highest and last: the line is that of all points', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 2, max: 40 }),
        (values, columnWidth) => {
          const options = { axis: 'step', startedAt: 1000, columnWidth } as const;
          let columns = empty(true);
          // One by one, as they come.
          for (let i = 0; i < values.length; i++)
            columns = foldPoints(columns, points([values[i] ?? 0], i), options).columns;
          expect(columns.total).toBe(values.length);
          for (let start = 0; start < values.length; start += columnWidth) {
            const inside = values.slice(start, start + columnWidth);
            const kept = columns.value.filter((_, i) => {
              const step = columns.step[i] ?? -1;
              return step >= start && step < start + columnWidth;
            });
            expect(kept[0]).toBe(inside[0]);
            expect(kept.at(-1)).toBe(inside.at(-1));
            expect(Math.min(...kept)).toBe(Math.min(...inside));
            expect(Math.max(...kept)).toBe(Math.max(...inside));
            expect(kept.length).toBeLessThanOrEqual(4);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('do not change the series that they were folded into', () => {
    const before = foldPoints(empty(), points([3]), whole).columns;
    foldPoints(before, points([Number.NaN], 1), whole);
    expect(before).toMatchObject({ value: [3], total: 1, nonFinite: [] });
  });
});

describe('a series from the wire', () => {
  it('has its non-finite strings as numbers again', () => {
    const columns = columnsOf({
      run: 'r',
      key: 'train/loss',
      rank: null,
      x: 'step',
      reduced: false,
      total: 2,
      step: [0, 1],
      time: [1, 2],
      value: ['-Infinity', 2],
      nonFinite: [{ step: 0, time: 1, value: '-Infinity' }],
      nonFiniteTotal: 1,
    });
    expect(columns.value).toEqual([Number.NEGATIVE_INFINITY, 2]);
    expect(columns.nonFinite[0]?.value).toBe(Number.NEGATIVE_INFINITY);
  });

  it('stands on any axis', () => {
    expect(xOf(7, 61_000, 'step', 1000)).toBe(7);
    expect(xOf(7, 61_000, 'time', 1000)).toBe(61);
    expect(xOf(7, 61_000, 'relative', 1000)).toBe(60);
    expect(xOf(null, 61_000, 'step', 1000)).toBeNaN();
  });
});
