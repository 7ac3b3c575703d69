import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { increments } from '../../../src/hub/query/increase.ts';
import { growth, increaseByCell, rate, rateByCell } from '../../../src/hub/query/rate.ts';
import { sightings } from '../../../src/hub/query/sightings.ts';
import { numberSeries } from '../fake-store.ts';

const total = (found: { amount: number }[]) => found.reduce((sum, { amount }) => sum + amount, 0);

/** A counter as its process sees it: events at whole seconds, restarts, reports now and then. */
const history = fc
  .record({
    lives: fc.array(
      fc.array(
        fc.record({ events: fc.nat(20), gap: fc.integer({ min: 1, max: 30 }), report: fc.boolean() }),
        {
          minLength: 1,
          maxLength: 12,
        },
      ),
      { minLength: 1, maxLength: 4 },
    ),
    from: fc.nat(400),
    length: fc.integer({ min: 1, max: 400 }),
  })
  .map(({ lives, from, length }) => {
    const points: [number, number, number][] = [];
    /** Increase by the time of its report: what a brute-force reader of the truth would add up. */
    const reported: { at: number; amount: number }[] = [];
    let time = 1_000_000;
    for (const life of lives) {
      time += 1;
      const start = time;
      let value = 0;
      let unreported = 0;
      for (const { events, gap, report } of life) {
        time += gap;
        value += events;
        unreported += events;
        if (!report) continue;
        points.push([time, value, start]);
        reported.push({ at: time, amount: unreported });
        unreported = 0;
      }
      time += 1;
    }
    const window = { from: 1_000_000 + from, to: 1_000_000 + from + length };
    return { points, reported, window };
  });

describe('increase of a cumulative counter', () => {
  it('is the sum of what was counted between the reports, whatever the resets', () => {
    fc.assert(
      fc.property(history, ({ points, reported, window }) => {
        const first = points[0];
        // The first report of an unseen process is an estimate when it began before the window; tested below.
        fc.pre(first === undefined || first[2] >= window.from || first[0] <= window.from);
        const expected = reported.filter(({ at }) => at > window.from && at <= window.to);
        expect(total(increments(numberSeries('c', points), window))).toBe(total(expected));
      }),
    );
  });

  it('adds up over windows that touch', () => {
    fc.assert(
      fc.property(history, fc.nat(400), ({ points, window }, cut) => {
        const middle = Math.min(window.to, window.from + cut);
        const series = numberSeries('c', points.slice(0));
        const base = points.filter(([time]) => time <= window.from).length > 0;
        fc.pre(base);
        const parts =
          total(increments(series, { from: window.from, to: middle })) +
          total(increments(series, { from: middle, to: window.to }));
        expect(parts).toBe(total(increments(series, window)));
      }),
    );
  });

  it('sees a reset by the fall of the value when there are no start times', () => {
    const series = numberSeries('c', [
      [10, 5],
      [20, 8],
      [30, 2],
      [40, 3],
    ]);
    expect(total(increments(series, { from: 10, to: 40 }))).toBe(3 + 2 + 1);
  });

  it('sees a reset by the start time even when the value is higher than before', () => {
    const series = numberSeries('c', [
      [10, 5, 1],
      [20, 9, 15],
    ]);
    expect(increments(series, { from: 10, to: 20 })).toEqual([{ from: 15, to: 20, amount: 9 }]);
  });

  it('counts all of a first point whose start lies in the window, and a share of one that began before', () => {
    expect(total(increments(numberSeries('c', [[100, 40, 60]]), { from: 50, to: 100 }))).toBe(40);
    expect(total(increments(numberSeries('c', [[100, 40, 20]]), { from: 80, to: 100 }))).toBe(10);
    expect(increments(numberSeries('c', [[100, 40]]), { from: 50, to: 100 })).toEqual([]);
  });

  it('counts all of the first point of a series whose process was seen before without it', () => {
    const errors = numberSeries('c', [[100, 3, 10]], {}, { outcome: 'error' });
    const others = numberSeries('c', [
      [80, 1000, 10],
      [90, 1100, 10],
    ]);
    const seen = sightings([errors, others].map((series) => ({ ...series, times: series.time })));
    expect(increments(errors, { from: 70, to: 100 }, seen[0])).toEqual([{ from: 90, to: 100, amount: 3 }]);
  });

  it('passes over values that are not finite', () => {
    const series = numberSeries('c', [
      [10, 5],
      [20, Number.NaN],
      [30, 9],
    ]);
    expect(total(increments(series, { from: 10, to: 30 }))).toBe(4);
  });
});

describe('increase of a delta counter', () => {
  it('is the sum of the deltas in the window', () => {
    const series = numberSeries(
      'c',
      [
        [10, 5, 0],
        [20, 7, 10],
        [30, 9, 20],
      ],
      { temporality: 'delta' },
    );
    expect(increments(series, { from: 10, to: 30 })).toEqual([
      { from: 10, to: 20, amount: 7 },
      { from: 20, to: 30, amount: 9 },
    ]);
  });
});

describe('rate', () => {
  const list = (points: [number, number, number?][], from: number, to: number) =>
    increments(numberSeries('c', points), { from, to });

  it('is over the time that the reports cover, not over the whole window', () => {
    const found = growth([list([[70_000, 100, 60_000]], 0, 3_600_000)]);
    expect(rate(found)).toBe(10);
  });

  it('of two processes at a time is the sum of theirs; of two in turn it is not', () => {
    const a = list([[10_000, 100, 1]], 0, 20_000);
    const same = growth([a, a]);
    expect(rate(same)).toBeCloseTo(20, 2);
    const later = list([[20_000, 100, 10_000]], 0, 20_000);
    expect(rate(growth([a, later]))).toBeCloseTo(10, 2);
  });

  it('is unknown without a report', () => {
    expect(rate(growth([]))).toBeNull();
  });

  it('of cells shorter than the reports is even, and times the covered time gives the increase', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 50 }), ({ points, window }, count) => {
        const found = increments(numberSeries('c', points), window).filter(({ from }) => from >= window.from);
        const grid = { from: window.from, width: (window.to - window.from) / count, count };
        const cells = rateByCell([found], grid);
        const widths = cells.time.map((end) => {
          const to = window.from + Math.round((end - window.from) / grid.width) * grid.width;
          const covered = found.reduce(
            (sum, i) => sum + Math.max(0, Math.min(i.to, to) - Math.max(i.from, to - grid.width)),
            0,
          );
          return covered / 1000;
        });
        // Cell ends are whole milliseconds: only grids of whole milliseconds can be read back.
        fc.pre(Number.isInteger(grid.width));
        const summed = cells.value.reduce((sum, value, i) => sum + value * (widths[i] as number), 0);
        expect(summed).toBeCloseTo(total(found), 6);
      }),
    );
  });

  it('counts increases in the cell of their report, all of them', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 50 }), ({ points, window }, count) => {
        const found = increments(numberSeries('c', points), window);
        const grid = { from: window.from, width: (window.to - window.from) / count, count };
        const { value } = increaseByCell([found], grid);
        expect(value.reduce((a, b) => a + b, 0)).toBeCloseTo(total(found), 9);
      }),
    );
  });
});
