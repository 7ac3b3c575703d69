import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cells } from '../../../src/hub/query/cover.ts';
import type { NumberColumns } from '../../../src/hub/store/chunks/number-chunk.ts';
import { increments } from '../../../src/hub/query/increase.ts';
import { increaseByCell } from '../../../src/hub/query/rate.ts';
import { columnsOver } from '../../../src/hub/store/read/thin-histogram.ts';
import { addedUpByColumn, positionsOfIncrease } from '../../../src/hub/store/read/thin-numbers.ts';
import type { NumberSeries } from '../../../src/hub/store/store.ts';
import { numberSeries } from '../fake-store.ts';

/** Reports of a counter (or an up-down counter) that restarts now and then, with NaN among them. */
const reports = fc.record({
  starts: fc.boolean(),
  monotonic: fc.boolean(),
  reports: fc.array(
    fc.record({
      gap: fc.integer({ min: 1, max: 3000 }),
      amount: fc.integer({ min: -3, max: 9 }),
      restart: fc.nat(7),
      bad: fc.nat(9),
    }),
    { minLength: 1, maxLength: 60 },
  ),
});
type Reports = (typeof reports extends fc.Arbitrary<infer T> ? T : never) & { delta?: boolean };

function seriesOf({ starts, monotonic, reports: all, delta = false }: Reports): NumberSeries {
  const points: [number, number, number][] = [];
  let time = 1_000_000;
  let start = time;
  let value = 0;
  for (const { gap, amount, restart, bad } of all) {
    if (restart === 0) {
      start = time;
      value = 0;
    }
    time += gap;
    const grown = monotonic ? Math.abs(amount) : amount;
    value = delta ? grown : value + grown;
    points.push([time, bad === 0 ? Number.NaN : value, starts ? start : 0]);
    if (delta) start = time;
  }
  return numberSeries('c', points, { monotonic, temporality: delta ? 'delta' : 'cumulative' });
}

describe('sums that the store thins to columns', () => {
  for (const delta of [false, true]) {
    it(`grow by the same in every column (${delta ? 'delta' : 'cumulative'})`, () => {
      fc.assert(
        fc.property(reports, fc.integer({ min: 1, max: 40 }), fc.nat(30_000), (made, most, skip) => {
          const all = seriesOf({ ...made, delta });
          const window = { from: 1_000_000 + skip, to: 1_000_000 + skip + 40_000 };
          const grid = cells(window, most);
          const within = all.time.findIndex((time) => time >= window.from);
          const begin = Math.max(0, (within < 0 ? all.time.length : within) - 1);
          const beyond = all.time.findIndex((time) => time > window.to);
          const end = beyond < 0 ? all.time.length : beyond;
          const columnAt = columnsOver(window, grid.count);
          if (columnAt === undefined) throw new Error('no columns');
          const pick = (positions: number[]) => ({
            time: Float64Array.from(positions, (i) => all.time[i] as number),
            start: Float64Array.from(positions, (i) => all.start[i] as number),
            value: Float64Array.from(positions, (i) => all.value[i] as number),
          });
          const thinned = delta
            ? addedUpByColumn(all, begin, end, columnAt)
            : pick(positionsOfIncrease(all, begin, end, columnAt, all.monotonic));
          const whole = pick(Array.from({ length: Math.max(0, end - begin) }, (_, i) => begin + i));
          const grown = (columns: NumberColumns) =>
            increaseByCell([increments({ ...all, ...columns }, window)], grid);
          const [kept, read] = [grown(thinned), grown(whole)];
          expect(nonZero(kept)).toEqual(nonZero(read));
          expect(thinned.time.length).toBeLessThanOrEqual(Math.max(0, end - begin));
        }),
      );
    });
  }

  it('are about one a column', () => {
    const series = numberSeries(
      'c',
      Array.from({ length: 1000 }, (_, i) => [i + 1, i, 1] as const),
    );
    const columnAt = columnsOver({ from: 0, to: 1000 }, 10);
    expect(positionsOfIncrease(series, 0, 1000, columnAt ?? (() => 0), true)).toHaveLength(11);
    expect(addedUpByColumn(series, 0, 1000, columnAt ?? (() => 0)).time).toHaveLength(10);
  });
});

/** Cells in which something grew; a sum of others may be a zero or no cell. */
const nonZero = ({ time, value }: { time: number[]; value: number[] }) =>
  time.map((at, i) => [at, value[i]]).filter(([, amount]) => amount !== 0);
