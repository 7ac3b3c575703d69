import type { CatalogueSource } from '../../conventions/index.ts';
import type { NumberSeries } from '../store/store.ts';
import { mean } from './buckets.ts';
import { type Counter, readCounters, readHistograms } from './counters.ts';
import { type Cells, cells } from './cover.ts';
import { indexAt, valueAt } from './current.ts';
import { merged, statisticByCell } from './distribution.ts';
import type { Increment, Window } from './increase.ts';
import { quantile } from './quantile.ts';
import { type CellValues, cellEnd, growth, increaseByCell, rate, rateByCell } from './rate.ts';
import { type Reading, matches } from './reading.ts';

/** A key over a window. */
export interface Evaluated {
  value: number | null;
  /** Time of the newest data that the value rests on, ms. */
  time: number | null;
  /** The value one window earlier; of a gauge or a run that is younger than the window, its first one in it. */
  previous: number | null;
  /** What time `previous` is of, ms. */
  since: number | null;
  spark: CellValues;
}

/** Points of a tile's small line. */
export const SPARK_POINTS = 60;
/** Four points a column for the window and the one before it: M4 keeps the last value of each column. */
const GAUGE_POINTS = SPARK_POINTS * 2 * 4;

export const NOTHING: Evaluated = {
  value: null,
  time: null,
  previous: null,
  since: null,
  spark: { time: [], value: [] },
};

type MetricSource = Exclude<CatalogueSource, { from: 'run' }>;
type Of<From extends MetricSource['from']> = Extract<MetricSource, { from: From }>;
type Evaluators = {
  [From in MetricSource['from']]: (
    source: Of<From>,
    reading: Reading,
    window: Window,
    grid: Cells,
  ) => Promise<Evaluated>;
};

/** The value of a catalogue source over the window, the one before it, and a line of about 60 points. */
export async function evaluate(source: MetricSource, reading: Reading, window: Window): Promise<Evaluated> {
  const evaluator = EVALUATORS[source.from] as (
    source: MetricSource,
    reading: Reading,
    window: Window,
    grid: Cells,
  ) => Promise<Evaluated>;
  return evaluator(source, reading, window, cells(window, SPARK_POINTS));
}

/** The window of the same length that ends where this one begins. */
export function windowBefore({ from, to }: Window): Window {
  return { from: from - (to - from), to: from };
}
const bothWindows = (window: Window) => ({ from: windowBefore(window).from, to: window.to });

const EVALUATORS: Evaluators = {
  async value({ metric, where = {}, join = 'mean', invert = false, scale = 1 }, reading, window, grid) {
    const shape = (value: number) => (invert ? 1 - value : value) * scale;
    const read = await reading.points({
      name: metric,
      where,
      ...bothWindows(window),
      maxPoints: GAUGE_POINTS,
      before: true,
    });
    const all = read.map((series) => ({ time: series.time, value: Array.from(series.value, shape) }));
    const newest = newestTime(read, window);
    if (newest === undefined) return NOTHING;
    const now = valueAt(all, newest, join);
    const spark: CellValues = { time: [], value: [] };
    for (let i = 0; i < grid.count; i++) {
      const end = Math.min(cellEnd(grid, i), newest);
      const at = valueAt(all, end, join, grid.width);
      if (at) {
        spark.time.push(end);
        spark.value.push(at.value);
      }
      if (end === newest) break;
    }
    const before = valueAt(all, window.from, join) ?? firstValue(all, window, join, now?.time);
    return {
      value: now?.value ?? null,
      time: now?.time ?? null,
      previous: before?.value ?? null,
      since: before?.time ?? null,
      spark,
    };
  },

  async rate({ metric, where = {}, scale = 1 }, reading, window, grid) {
    const counters = await matching(reading, metric, where, window);
    const now = growth(each(counters, window));
    const before = rate(growth(each(counters, windowBefore(window))));
    const value = rate(now);
    const spark = rateByCell(each(counters, window), grid);
    return windowed(value && value * scale, now.time, before && before * scale, window, {
      time: spark.time,
      value: spark.value.map((v) => v * scale),
    });
  },

  async ratio({ metric, where, of, ofWhere = {} }, reading, window, grid) {
    const part = await matching(reading, metric, where, window);
    const whole = await matching(reading, of, ofWhere, window);
    const share = (window: Window) => {
      const all = growth(each(whole, window)).amount;
      return all > 0 ? growth(each(part, window)).amount / all : null;
    };
    const parts = increaseByCell(each(part, window), grid);
    const wholes = increaseByCell(each(whole, window), grid);
    const partAt = new Map(parts.time.map((time, i) => [time, parts.value[i] as number]));
    const spark: CellValues = { time: [], value: [] };
    wholes.time.forEach((time, i) => {
      const all = wholes.value[i] as number;
      if (all <= 0) return;
      spark.time.push(time);
      spark.value.push((partAt.get(time) ?? 0) / all);
    });
    const { time } = growth(each(whole, window));
    return windowed(share(window), time, share(windowBefore(window)), window, spark);
  },

  quantile: ({ metric, q, where = {}, scale = 1 }, reading, window, grid) =>
    statistic(reading, metric, where, window, grid, (buckets) => {
      const found = quantile(buckets, q);
      return found ? found.value * scale : null;
    }),

  mean: ({ metric, where = {}, scale = 1 }, reading, window, grid) =>
    statistic(reading, metric, where, window, grid, (buckets) => {
      const found = mean(buckets);
      return found === null ? null : found * scale;
    }),
};

async function statistic(
  reading: Reading,
  name: string,
  where: Readonly<Record<string, string>>,
  window: Window,
  grid: Cells,
  of: Parameters<typeof statisticByCell>[2],
): Promise<Evaluated> {
  const read = await readHistograms(reading, {
    name,
    where: {},
    ...bothWindows(window),
    columns: 2 * grid.count,
  });
  const histograms = read.filter(({ identity }) => matches(identity, where));
  const now = histograms.map((histogram) => histogram.increments(window));
  const before = histograms.map((histogram) => histogram.increments(windowBefore(window)));
  const times = now.flat().map(({ to }) => to);
  return windowed(
    of(merged(now)),
    times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b)),
    of(merged(before)),
    window,
    statisticByCell(now, grid, of),
  );
}

function windowed(
  value: number | null,
  time: number | undefined,
  previous: number | null,
  window: Window,
  spark: CellValues,
): Evaluated {
  return { value, time: time ?? null, previous, since: previous === null ? null : window.from, spark };
}

/** All counters of the metric are read, and filtered here: keys share the read, and see each other (`sightings`). */
async function matching(
  reading: Reading,
  name: string,
  where: Readonly<Record<string, string>>,
  window: Window,
): Promise<Counter[]> {
  const columns = 2 * cells(window, SPARK_POINTS).count;
  const counters = await readCounters(reading, { name, where: {}, ...bothWindows(window), columns });
  return counters.filter(({ identity }) => matches(identity, where));
}
const each = (counters: readonly Counter[], window: Window): Increment[][] =>
  counters.map((counter) => counter.increments(window));

function newestTime(all: readonly NumberSeries[], window: Window): number | undefined {
  let newest: number | undefined;
  for (const series of all) {
    const time = series.time[indexAt(series, window.to)];
    if (time !== undefined && time > window.from && (newest === undefined || time > newest)) newest = time;
  }
  return newest;
}

/** The joined value at the first point in the window, when it is not also the last one. */
function firstValue(
  all: { time: ArrayLike<number>; value: number[] }[],
  window: Window,
  join: Parameters<typeof valueAt>[2],
  last: number | undefined,
): { value: number; time: number } | undefined {
  let first: number | undefined;
  for (const series of all) {
    const time = series.time[indexAt(series, window.from) + 1];
    if (time !== undefined && time <= window.to && (first === undefined || time < first)) first = time;
  }
  return first === undefined || last === undefined || first >= last ? undefined : valueAt(all, first, join);
}
