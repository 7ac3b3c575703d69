import { describe, expect, it } from 'vitest';
import { catalogueEntry } from '../../../src/conventions/catalogue.ts';
import type { MetricQueryResponse, MetricSeries } from '../../../src/conventions/hub-api.ts';
import { lineOfEntry, readsOf } from '../../../src/dashboard/page/series/catalogue-lines.ts';
import {
  breakGaps,
  divideLines,
  exportInterval,
  groupByAttribute,
  joinSeries,
  laterStart,
  statisticLine,
} from '../../../src/dashboard/page/series/metric-lines.ts';

const series = (
  points: [time: number, value: number][],
  attributes: Record<string, string> = {},
): MetricSeries => ({
  attributes,
  resource: {},
  time: points.map(([time]) => time),
  value: points.map(([, value]) => value),
  total: points.length,
  reduced: false,
});
const answer = (all: MetricSeries[], agg: MetricQueryResponse['agg'] = 'rate'): MetricQueryResponse => ({
  name: 'm',
  unit: '',
  kind: 'sum',
  agg,
  from: 0,
  to: 60_000,
  series: all,
});
const known = (key: string) => {
  const entry = catalogueEntry(key);
  if (entry === undefined) throw new Error(key);
  return entry;
};

describe('several series of a metric', () => {
  const a = series([
    [0, 1],
    [10_000, 2],
    [20_000, 3],
  ]);
  const b = series([
    [1000, 10],
    [11_000, 20],
  ]);

  it('add up cell by cell, though their points do not fall together', () => {
    expect(joinSeries([a, b], 'sum', 10_000, 5000)).toEqual({ x: [5, 15, 25], y: [11, 22, 3] });
  });

  it('count with their last value until they are stale', () => {
    expect(joinSeries([a, b], 'sum', 10_000, 15_000).y).toEqual([11, 22, 23]);
  });

  it.each([
    ['max', [10, 20, 20]],
    ['mean', [5.5, 11, 11.5]],
  ] as const)('are joined by %s', (rule, y) => {
    expect(joinSeries([a, b], rule, 10_000, 15_000).y).toEqual(y);
  });

  it('break where nothing came for long', () => {
    const line = joinSeries(
      [
        series([
          [0, 1],
          [60_000, 2],
        ]),
      ],
      'sum',
      10_000,
      15_000,
    );
    expect(line.y).toEqual([1, null, 2]);
  });

  it('leave out what is not finite', () => {
    const bad = { ...a, value: [1, 'NaN', 3] as MetricSeries['value'] };
    expect(joinSeries([bad], 'sum', 10_000, 5000).y).toEqual([1, null, 3]);
  });

  it('are grouped by an attribute, of the point or of the resource', () => {
    const groups = groupByAttribute(
      [series([], { kind: 'x' }), { ...a, resource: { kind: 'y' } }, b],
      'kind',
    );
    expect([...groups.keys()]).toEqual(['x', 'y', '(none)']);
  });
});

describe('a percentile over time', () => {
  it('keeps each cell of the hub, and is no average of percentiles', () => {
    const cells = series([
      [2000, 0.2],
      [5000, 0.4],
      [60_000, 0.3],
    ]);
    expect(statisticLine([cells], 15_000)).toEqual({ x: [2, 5, 32.5, 60], y: [0.2, 0.4, null, 0.3] });
    expect(statisticLine([], 15_000)).toEqual({ x: [], y: [] });
    const line = lineOfEntry(known('api/time_to_first_token'), [answer([cells], 'p95')]);
    expect(line.y.filter((value) => value !== null)).toEqual([0.2, 0.4, 0.3]);
  });
});

describe('the interval of a series', () => {
  it('is the median distance of its points', () => {
    expect(
      exportInterval(
        [
          series([
            [0, 1],
            [10, 1],
            [20, 1],
            [500, 1],
          ]),
        ],
        99,
      ),
    ).toBe(10);
    expect(exportInterval([series([[0, 1]])], 99)).toBe(99);
  });
});

describe('a line', () => {
  it('without gaps stays as it is', () => {
    expect(breakGaps({ x: [0, 1, 2], y: [1, 2, 3] }, 1)).toEqual({ x: [0, 1, 2], y: [1, 2, 3] });
  });

  it('divided by zero breaks, and by nothing of its own is zero', () => {
    expect(divideLines({ x: [0], y: [1] }, { x: [0, 1, 2], y: [4, 5, 0] })).toEqual({
      x: [0, 1, 2],
      y: [0.25, 0, null],
    });
  });
});

describe('the axis of a window', () => {
  const since = (...seconds: number[]) => [{ x: seconds, y: seconds }];

  it('begins a little before the first point, when most of the window is empty', () => {
    expect(laterStart([...since(3000, 3600), ...since(3300)], 0, 3_600_000, 1000)).toBe(2_970_000);
    // What the first point tells began up to two cells before it, and must not be cut off.
    expect(laterStart(since(3000, 3600), 0, 3_600_000, 60_000)).toBe(2_880_000);
  });

  it('stays the window when the lines fill it, or there are none', () => {
    expect(laterStart(since(600, 3600), 0, 3_600_000, 1000)).toBeUndefined();
    expect(laterStart([...since(3000), ...since(10)], 0, 3_600_000, 1000)).toBeUndefined();
    expect(laterStart([], 0, 3_600_000, 1000)).toBeUndefined();
    expect(laterStart([{ x: [], y: [] }], 0, 3_600_000, 1000)).toBeUndefined();
  });
});

describe('a key of the catalogue', () => {
  it('names what is to be read for it', () => {
    expect(readsOf(known('train/loss'))).toEqual([]);
    expect(readsOf(known('api/time_to_first_token'))).toMatchObject([{ agg: 'p95' }]);
    expect(readsOf(known('api/error_rate'))).toHaveLength(2);
    expect(readsOf(known('system/cpu_percent'))[0]?.where).toEqual({ 'cpu.mode': 'idle' });
  });

  it('is turned round and scaled as the catalogue says', () => {
    const idle = series([
      [0, 0.75],
      [10_000, 0.5],
    ]);
    expect(lineOfEntry(known('system/cpu_percent'), [answer([idle], 'value')]).y).toEqual([25, 50]);
  });

  it('that is a ratio is the quotient of two increases, cell by cell', () => {
    const errors = series([[10_000, 1]]);
    const all = series([
      [10_000, 4],
      [20_000, 5],
      [30_000, 0],
    ]);
    expect(readsOf(known('api/error_rate')).map(({ agg }) => agg)).toEqual(['increase', 'increase']);
    const line = lineOfEntry(known('api/error_rate'), [answer([errors]), answer([all])]);
    expect(line).toEqual({ x: [10, 20, 30], y: [0.25, 0, null] });
  });

  it('that is a rate is the line that the hub made of all series together', () => {
    const rate = series([
      [10_000, 3],
      [20_000, 4],
    ]);
    expect(lineOfEntry(known('api/requests_per_second'), [answer([rate])])).toEqual({
      x: [10, 20],
      y: [3, 4],
    });
  });

  it('without an answer is an empty line', () => {
    expect(lineOfEntry(known('api/error_rate'), [])).toEqual({ x: [], y: [] });
  });
});
