import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { increments, LATEST_FIRST_REPORT } from '../../../src/hub/query/increase.ts';
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
        const expected = reported.filter(({ at }) => at > window.from && at <= window.to);
        expect(total(increments(numberSeries('c', points), window))).toBe(total(expected));
      }),
    );
  });

  it('adds up over windows that touch', () => {
    fc.assert(
      fc.property(history, fc.nat(400), ({ points, window }, cut) => {
        const middle = Math.min(window.to, window.from + cut);
        const series = numberSeries('c', points);
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

  it('takes a start time that creeps on below the last report for no reset', () => {
    const series = numberSeries('c', [
      [10_000, 500, 1000],
      [20_000, 507, 1001],
      [30_000, 511, 1003],
    ]);
    expect(total(increments(series, { from: 10_000, to: 30_000 }))).toBe(11);
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

describe('the first known point of a cumulative counter', () => {
  const HOUR = 3_600_000;
  const window = { from: 10 * HOUR, to: 11 * HOUR };
  const only = (time: number, start: number, resourceSince?: number) => {
    const series = numberSeries(
      'c',
      [[time, 40, start]],
      resourceSince === undefined ? {} : { resourceSince },
    );
    return increments(series, window, sightings([{ ...series, times: series.time }])[0]);
  };

  it('counts whole for a program that started, served and exported once, wherever the window begins', () => {
    const [start, time] = [10.5 * HOUR, 10.5 * HOUR + 60_000];
    expect(only(time, start)).toEqual([{ from: start, to: time, amount: 40 }]);
    expect(only(10 * HOUR + 5000, 10 * HOUR - 5000)).toEqual([
      { from: 10 * HOUR - 5000, to: 10 * HOUR + 5000, amount: 40 },
    ]);
  });

  it('is the base, and counts nothing, when it has counted since long before its process was seen', () => {
    expect(only(10.5 * HOUR, 3 * HOUR)).toEqual([]);
    // Also when the machine was booted within the window.
    expect(only(10.5 * HOUR, 10.1 * HOUR)).toEqual([]);
    expect(only(10.5 * HOUR, 3 * HOUR, 10.4 * HOUR)).toEqual([]);
  });

  it('counts whole in a process that has reported since it began, from one report ago on', () => {
    expect(only(10.5 * HOUR, 3 * HOUR, 3 * HOUR + 10_000)).toEqual([
      { from: 10.5 * HOUR - 60_000, to: 10.5 * HOUR, amount: 40 },
    ]);
  });

  it('counts nothing without a start time, or with one that is its own time', () => {
    expect(only(10.5 * HOUR, 0)).toEqual([]);
    expect(only(10.5 * HOUR, 10.5 * HOUR)).toEqual([]);
  });

  it('counts whole when the process was seen before without the series, but not beside it', () => {
    const series = (time: number[], outcome: string) =>
      numberSeries(
        'c',
        time.map((t) => [t, t, 1000] as const),
        {},
        { outcome },
      );
    const errors = series([10 * HOUR + 20_000], 'error');
    const others = series([10 * HOUR + 10_000, 10 * HOUR + 20_000], 'completed');
    const between = (all: ReturnType<typeof series>[]) =>
      increments(errors, window, sightings(all.map((one) => ({ ...one, times: one.time })))[0]);
    expect(between([errors, others])).toEqual([
      { from: 10 * HOUR + 10_000, to: 10 * HOUR + 20_000, amount: 10 * HOUR + 20_000 },
    ]);
    expect(between([errors, series([10 * HOUR + 19_999], 'completed')])).toEqual([]);
  });

  it('counts what came about while the hub listened, and nothing from before, whatever began when', () => {
    /** When the machine was booted, and the process and the hub started: minutes, in any order. */
    const minute = fc.integer({ min: 0, max: 600 });
    fc.assert(
      fc.property(minute, minute, minute, fc.boolean(), (booted, started, listening, ofMachine) => {
        fc.pre(booted <= started);
        const began = (ofMachine ? booted : started) * 60_000 + 1;
        const process = started * 60_000 + 1;
        // Counts one a second, and reports each minute from the process's start on; the hub hears what comes after its own.
        const heard = Array.from({ length: 700 }, (_, i) => process + (i + 1) * 60_000).filter(
          (time) => time >= listening * 60_000,
        );
        const points = heard.map((time) => [time, (time - began) / 1000, began] as const);
        const series = numberSeries('c', points, { resourceSince: heard[0] ?? 0 });
        const [first, last] = [heard[0] as number, heard.at(-1) as number];
        const counted = total(
          increments(series, { from: 0, to: last }, sightings([{ ...series, times: series.time }])[0]),
        );
        const whole = first - began <= LATEST_FIRST_REPORT;
        expect(counted).toBeCloseTo((last - (whole ? began : first)) / 1000, 6);
      }),
    );
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
    // One request that was reported after 40 ms.
    expect(rate({ amount: 1, seconds: 0.04 })).toBe(1);
    expect(rate({ amount: 1, seconds: 0 })).toBeNull();
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
