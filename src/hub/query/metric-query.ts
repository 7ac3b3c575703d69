import type {
  InstrumentInfo,
  MetricAggregation,
  MetricQueryResponse,
  MetricSeries,
} from '../../conventions/index.ts';
import type { SeriesIdentity } from '../store/store.ts';
import { type Buckets, mean } from './buckets.ts';
import { type Counter, type Histogram, readCounters, readHistograms } from './counters.ts';
import { cells } from './cover.ts';
import { merged, statisticByCell } from './distribution.ts';
import type { Window } from './increase.ts';
import { quantile } from './quantile.ts';
import { type CellValues, increaseByCell, rateByCell } from './rate.ts';
import { type Reading, attributeOf, text } from './reading.ts';

export interface MetricQuestion extends Window {
  instrument: InstrumentInfo;
  where: Record<string, string>;
  agg: MetricAggregation;
  /** `value`: points of a series before M4 reduces them, 0 = all. Others: cells of the window, 0 = as many as may be. */
  maxPoints: number;
  /** Attributes that series are joined by, none = all in one; `undefined`: rates per series, statistics of all in one. */
  by: readonly string[] | undefined;
}

/** Most cells of a rate or a statistic. */
const MOST_CELLS = 10_000;

const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;

/** What each kind of instrument can be asked for; the first is what it is asked for when nothing is said. */
export function aggregationsOf({ kind, monotonic }: InstrumentInfo): MetricAggregation[] {
  if (kind === 'histogram' || kind === 'exponential_histogram')
    return ['p95', 'p50', 'p90', 'p99', 'mean', 'histogram', 'rate', 'increase'];
  if (kind === 'sum') return monotonic ? ['rate', 'increase', 'value'] : ['value', 'rate', 'increase'];
  return ['value'];
}

/**
 * Answers a question about one metric. Rates and increases come per series; quantiles, means and the histogram come
 * from the buckets of all matching series together (percentiles cannot be averaged). `by` groups both.
 */
export async function queryMetric(reading: Reading, question: MetricQuestion): Promise<MetricQueryResponse> {
  const { instrument, agg, from, to } = question;
  const about = { name: instrument.name, kind: instrument.kind, agg, from, to };
  if (agg === 'value') return { ...about, unit: instrument.unit, series: await points(reading, question) };
  const window = { from, to };
  const grid = cells(
    window,
    question.maxPoints === 0 ? MOST_CELLS : Math.min(MOST_CELLS, question.maxPoints),
  );
  // The histogram of the window is one cell: a few columns keep the read small.
  const columns = agg === 'histogram' ? 1 : grid.count;
  const query = { name: instrument.name, where: question.where, from, to, columns };
  if (agg === 'rate' || agg === 'increase') {
    const counters = await readCounters(reading, query);
    const unit = agg === 'rate' ? perSecond(countUnit(instrument)) : countUnit(instrument);
    const byCell = agg === 'rate' ? rateByCell : increaseByCell;
    const series = grouped(counters, question.by).map(({ identity, members }) =>
      answer(
        identity,
        byCell(
          members.map((counter: Counter) => counter.increments(window)),
          grid,
        ),
      ),
    );
    return { ...about, unit, series };
  }
  const histograms = await readHistograms(reading, query);
  if (agg === 'histogram') {
    const all = merged(histograms.map((histogram) => histogram.increments(window)));
    return { ...about, unit: instrument.unit, series: [], histogram: wire(all) };
  }
  const statistic =
    agg === 'mean' ? mean : (buckets: Buckets) => quantile(buckets, QUANTILES[agg])?.value ?? null;
  let count = 0;
  const series = grouped(histograms, question.by ?? []).map(({ identity, members }) => {
    const increments = members.map((histogram: Histogram) => histogram.increments(window));
    for (const list of increments) for (const { buckets } of list) count += buckets.count;
    return answer(identity, statisticByCell(increments, grid, statistic));
  });
  return { ...about, unit: instrument.unit, count, series };
}

async function points(reading: Reading, question: MetricQuestion): Promise<MetricSeries[]> {
  const { instrument, where, from, to, maxPoints } = question;
  const found = await reading.points({ name: instrument.name, where, from, to, maxPoints });
  return found.map((series) => ({
    attributes: series.attributes as MetricSeries['attributes'],
    resource: series.resource as MetricSeries['resource'],
    // The encoder takes the typed arrays as they are; a copy of a million points would cost time and memory.
    time: series.time as unknown as number[],
    value: series.value as unknown as number[],
    total: series.total,
    reduced: series.reduced,
  }));
}

interface Group<Member> {
  identity: Pick<SeriesIdentity, 'attributes' | 'resource'>;
  members: Member[];
}

function grouped<Member extends { identity: SeriesIdentity }>(
  all: readonly Member[],
  by: readonly string[] | undefined,
): Group<Member>[] {
  if (!by) return all.map((member) => ({ identity: member.identity, members: [member] }));
  const groups = new Map<string, Group<Member>>();
  for (const member of all) {
    const values = by.map((name) => attributeOf(member.identity, name) ?? null);
    const key = JSON.stringify(values.map((value) => (value === null ? null : text(value))));
    const group = groups.get(key);
    if (group) group.members.push(member);
    else {
      const shown = Object.fromEntries(by.map((name, i) => [name, values[i]]).filter(([, v]) => v !== null));
      groups.set(key, { identity: { attributes: shown, resource: {} }, members: [member] });
    }
  }
  return [...groups.values()];
}

function answer(identity: Group<never>['identity'], { time, value }: CellValues): MetricSeries {
  return {
    attributes: identity.attributes as MetricSeries['attributes'],
    resource: identity.resource as MetricSeries['resource'],
    time,
    value,
    total: time.length,
    reduced: false,
  };
}

function wire({
  bounds,
  counts,
  count,
  sum,
  min,
  max,
}: Buckets): NonNullable<MetricQueryResponse['histogram']> {
  return {
    bounds: [...bounds],
    counts: [...counts],
    count,
    sum: sum ?? Number.NaN,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
}

/** The rate of a histogram is that of its count. */
function countUnit({ kind, unit }: InstrumentInfo): string {
  return kind === 'sum' ? unit : '{observation}';
}
const perSecond = (unit: string) => `${unit === '' ? '1' : unit}/s`;
