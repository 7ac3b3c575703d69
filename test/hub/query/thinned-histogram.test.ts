import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cells } from '../../../src/hub/query/cover.ts';
import { merged, statisticByCell } from '../../../src/hub/query/distribution.ts';
import { histogramIncrements } from '../../../src/hub/query/histogram-increase.ts';
import {
  decodeHistogramChunk,
  encodeHistogramChunk,
  type HistogramRow,
} from '../../../src/hub/store/chunks/histogram-chunk.ts';
import { toStoredHistogram } from '../../../src/hub/store/read/histogram-bounds.ts';
import { chosenRows, columnsOver, thinHistogram } from '../../../src/hub/store/read/thin-histogram.ts';
import { histogramSeries } from '../fake-store.ts';

const LAYOUT = [1, 2];
const unseen = { since: undefined, before: () => undefined };

/** Reports of a process that restarts now and then; with or without start times. */
const rows = (temporality: 'cumulative' | 'delta') =>
  fc
    .record({
      starts: fc.boolean(),
      reports: fc.array(
        fc.record({
          gap: fc.integer({ min: 1, max: 3000 }),
          counts: fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)),
          restart: fc.nat(9),
        }),
        { minLength: 1, maxLength: 60 },
      ),
    })
    .map(({ starts, reports }) => {
      const all: HistogramRow[] = [];
      let time = 1_000_000;
      let start = time;
      let counts = [0, 0, 0];
      for (const report of reports) {
        if (report.restart === 0) {
          start = time;
          counts = [0, 0, 0];
        }
        time += report.gap;
        counts =
          temporality === 'delta'
            ? [...report.counts]
            : counts.map((count, i) => count + (report.counts[i] as number));
        const count = counts.reduce((a, b) => a + b, 0);
        all.push({
          time,
          start: starts ? start : 0,
          count,
          sum: count * 2,
          min: undefined,
          max: undefined,
          layout: LAYOUT,
          counts,
        });
        if (temporality === 'delta') start = time;
      }
      return all;
    });

/** Shares of an interval are summed in another order: the last bits may differ. */
const rounded = (value: number) => Number(value.toPrecision(12));

describe('histograms that the store thins to columns', () => {
  for (const temporality of ['cumulative', 'delta'] as const) {
    it(`take up the same in every column (${temporality})`, () => {
      fc.assert(
        fc.property(rows(temporality), fc.integer({ min: 1, max: 40 }), fc.nat(30_000), (all, most, skip) => {
          const window = { from: 1_000_000 + skip, to: 1_000_000 + skip + 40_000 };
          const grid = cells(window, most);
          const read = all
            .slice(Math.max(0, all.findIndex(({ time }) => time >= window.from) - 1))
            .filter(({ time }) => time <= window.to);
          const taken = (kept: readonly HistogramRow[]) => {
            const series = histogramSeries('h', [], LAYOUT, {}, { temporality });
            series.points = kept.map((row) => toStoredHistogram(row, false));
            const found = histogramIncrements(series, window, unseen);
            const { time, value } = statisticByCell([found], grid, ({ count }) => count);
            return {
              whole: merged([found]).counts.map(rounded),
              time,
              value: value.map(Number).map(rounded),
            };
          };
          const thinned = thinHistogram(read, window, grid.count, temporality === 'delta');
          expect(taken(thinned)).toEqual(taken(read));
          if (temporality === 'delta') return;
          // Read from two chunks, of which only what may be needed is made.
          const columnAt = columnsOver(window, grid.count) ?? (() => 0);
          const cut = read.length >> 1;
          const made = [read.slice(0, cut), read.slice(cut)].flatMap((part) =>
            decodeHistogramChunk(encodeHistogramChunk(part), part.length, (outline) =>
              chosenRows(outline, columnAt),
            ),
          );
          expect(thinHistogram(made, window, grid.count, false)).toEqual(thinned);
          expect(thinned.length).toBeLessThanOrEqual(read.length);
        }),
      );
    });
  }

  it('are about one a column', () => {
    const all: HistogramRow[] = Array.from({ length: 1000 }, (_, i) => ({
      time: i + 1,
      start: 1,
      count: i,
      sum: i,
      min: undefined,
      max: undefined,
      layout: LAYOUT,
      counts: [i, 0, 0],
    }));
    expect(thinHistogram(all, { from: 0, to: 1000 }, 10, false)).toHaveLength(11);
    expect(thinHistogram(all, { from: 0, to: 1000 }, 10, true)).toHaveLength(10);
  });
});
