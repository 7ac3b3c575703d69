import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinLines, nearestIndex } from '../../../src/dashboard/page/series/join.ts';

const line = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.oneof(fc.integer(), fc.constant(null))))
  .map((points) => points.sort((a, b) => a[0] - b[0]))
  .map((points) => ({ x: points.map(([x]) => x), y: points.map(([, y]) => y) }));

describe('lines on one axis', () => {
  it('keep every point, repeated places included, in order', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        const joined = joinLines(lines);
        lines.forEach((one, i) => {
          const back = joined.x
            .map((x, row) => [x, joined.ys[i]?.[row]] as const)
            .filter(([, y]) => y !== undefined);
          expect(back).toEqual(one.x.map((x, at) => [x, one.y[at]]));
        });
        expect(joined.x).toEqual([...joined.x].sort((a, b) => a - b));
      }),
    );
  });

  it('share a row where they share a place', () => {
    expect(
      joinLines([
        { x: [1, 2], y: [10, 20] },
        { x: [2, 3], y: [5, null] },
      ]),
    ).toEqual({
      x: [1, 2, 3],
      ys: [
        [10, 20, undefined],
        [undefined, 5, null],
      ],
    });
  });

  it('of which there are none give an empty axis', () => {
    expect(joinLines([])).toEqual({ x: [], ys: [] });
  });
});

describe('the nearest point', () => {
  it('is the one at the smallest distance', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1 }),
        fc.integer({ min: -50, max: 1050 }),
        (xs, at) => {
          const x = xs.sort((a, b) => a - b);
          const found = x[nearestIndex(x, at)] ?? Number.NaN;
          expect(Math.abs(found - at)).toBe(Math.min(...x.map((one) => Math.abs(one - at))));
        },
      ),
    );
  });

  it('of nothing is none', () => {
    expect(nearestIndex([], 3)).toBe(-1);
  });
});
