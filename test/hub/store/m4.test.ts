import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { lowerBound, m4, upperBound } from '../../../src/hub/store/read/m4.ts';

const series = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constantFrom(NaN, Infinity)),
    ),
    {
      minLength: 1,
      maxLength: 300,
    },
  )
  .map((pairs) => {
    let x = 100;
    return {
      x: Float64Array.from(pairs, ([dx]) => (x += dx)),
      value: Float64Array.from(pairs, ([, value]) => value),
    };
  });

/** The definition, column by column over the whole series. */
function bruteForce(
  x: Float64Array,
  value: Float64Array,
  columns: number,
  low: number,
  high: number,
): number[] {
  const kept = new Set<number>();
  for (let column = 0; column < columns; column++) {
    const inside = Array.from(x.keys()).filter((i) => {
      const at = high > low ? Math.floor((columns * (x[i]! - low)) / (high - low)) : 0;
      return Math.min(columns - 1, at) === column;
    });
    const finite = inside.filter((i) => Number.isFinite(value[i]));
    const gaps = inside.filter((i) => !Number.isFinite(value[i]));
    const least = Math.min(...finite.map((i) => value[i]!));
    const most = Math.max(...finite.map((i) => value[i]!));
    const picks = [
      finite[0],
      finite.at(-1),
      finite.find((i) => value[i] === least),
      finite.find((i) => value[i] === most),
      gaps[0],
      gaps.at(-1),
    ];
    for (const pick of picks) if (pick !== undefined) kept.add(pick);
  }
  return [...kept].sort((a, b) => a - b);
}

test('M4 keeps first, last, smallest and largest of each column, and where gaps begin and end', () => {
  fc.assert(
    fc.property(series, fc.integer({ min: 4, max: 80 }), ({ x, value }, maxPoints) => {
      const low = x[0]!;
      const high = x.at(-1)!;
      const kept = m4(x, value, 0, x.length, maxPoints, low, high);
      expect([...kept]).toEqual(bruteForce(x, value, Math.floor(maxPoints / 4), low, high));
    }),
    { numRuns: 500 },
  );
});

/** Bresenham lines between neighbours on a binary raster of width × height; a non-finite point breaks the line. */
function raster(
  x: ArrayLike<number>,
  value: ArrayLike<number>,
  width: number,
  low: number,
  high: number,
): Set<number> {
  const height = 101;
  const ink = new Set<number>();
  const px = (i: number): number => Math.min(width - 1, Math.floor((width * (x[i]! - low)) / (high - low)));
  const py = (i: number): number => value[i]! + 50;
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(value[i])) continue;
    ink.add(px(i) * height + py(i));
    if (i === 0 || !Number.isFinite(value[i - 1])) continue;
    let [ax, ay] = [px(i - 1), py(i - 1)];
    const [bx, by] = [px(i), py(i)];
    const dx = Math.abs(bx - ax);
    const dy = -Math.abs(by - ay);
    const sx = ax < bx ? 1 : -1;
    const sy = ay < by ? 1 : -1;
    let error = dx + dy;
    while (ax !== bx || ay !== by) {
      ink.add(ax * height + ay);
      const twice = 2 * error;
      if (twice >= dy) {
        error += dy;
        ax += sx;
      }
      if (twice <= dx) {
        error += dx;
        ay += sy;
      }
    }
  }
  return ink;
}

test('the line through the M4 points lights the very pixels of the line through all points', () => {
  const finite = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 2,
      maxLength: 2000,
    })
    .map((pairs) => {
      let x = 0;
      return {
        x: Float64Array.from(pairs, ([dx]) => (x += dx)),
        value: Float64Array.from(pairs, ([, v]) => v),
      };
    });
  fc.assert(
    fc.property(finite, fc.integer({ min: 1, max: 60 }), ({ x, value }, width) => {
      const [low, high] = [x[0]!, x.at(-1)!];
      fc.pre(high > low);
      const kept = m4(x, value, 0, x.length, width * 4, low, high);
      const reduced = raster(
        Array.from(kept, (i) => x[i]!),
        Array.from(kept, (i) => value[i]!),
        width,
        low,
        high,
      );
      expect(reduced).toEqual(raster(x, value, width, low, high));
    }),
    { numRuns: 200 },
  );
});

test('bounds by binary search are those of a linear search, with equal values', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20 })),
      fc.integer({ min: -1, max: 21 }),
      (values, bound) => {
        const x = Float64Array.from(values.sort((a, b) => a - b));
        expect(lowerBound(x, bound)).toBe(values.filter((value) => value < bound).length);
        expect(upperBound(x, bound)).toBe(values.filter((value) => value <= bound).length);
      },
    ),
  );
});
