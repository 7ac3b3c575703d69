import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { addToIntervals, type Interval, sizeOfIntervals } from '../../../src/hub/store/runs/intervals.ts';

test('an interval set knows what was added, in any order, and stays as short as can be', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60)), (values) => {
      const intervals: Interval[] = [];
      const known = new Set<number>();
      for (const value of values) {
        expect(addToIntervals(intervals, value)).toBe(!known.has(value));
        known.add(value);
      }
      expect(sizeOfIntervals(intervals)).toBe(known.size);
      const covered = intervals.flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      );
      expect(covered).toEqual([...known].sort((a, b) => a - b));
      for (let i = 1; i < intervals.length; i++)
        expect(intervals[i]![0]).toBeGreaterThan(intervals[i - 1]![1] + 1);
    }),
  );
});
