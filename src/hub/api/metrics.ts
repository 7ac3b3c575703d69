import {
  type InstrumentInfo,
  METRIC,
  type MetricAggregation,
  type MetricDefinition,
} from '../../conventions/index.ts';
import { aggregationsOf, queryMetric } from '../query/metric-query.ts';
import type { Reading } from '../query/reading.ts';
import { metricsOfRun } from '../query/run-telemetry.ts';
import { HttpError, badParameter } from './http-error.ts';
import { choice, flag, integer, list, requiredString, string, time } from './parameters.ts';
import { route } from './route.ts';

const AGGREGATIONS = [
  'value',
  'rate',
  'increase',
  'mean',
  'p50',
  'p90',
  'p95',
  'p99',
  'histogram',
] as const satisfies MetricAggregation[];

/** Time that is looked at when nothing is said, ms. */
const DEFAULT_SPAN = 3_600_000;

export const METRIC_ROUTES = [
  route({
    path: '/api/metrics',
    summary: 'Instruments that have been received',
    schema: 'InstrumentsResponse',
    handle: async ({ context }) => ({ json: { metrics: await context.store.instruments() } }),
  }),
  route({
    path: '/api/metrics/query',
    summary: 'Points, rates or quantiles of one instrument',
    parameters: {
      name: requiredString('Name of the instrument'),
      from: time('Start; an hour before `to` when absent'),
      to: time('End; now when absent'),
      maxPoints: integer(
        'Of `value`: at most about so many points a series, chosen by M4. Of others: most cells. 0 = all',
        0,
        1_000_000,
        1000,
      ),
      agg: choice(
        'What is asked for; when absent: `value` of a gauge, `rate` of a counter, `p95` of a histogram. ' +
          '`rate` and `increase` come per series, the others from all matching series together',
        AGGREGATIONS,
        undefined,
      ),
      by: list('Attributes to group the series by (not for `value` and `histogram`)', 10),
      together: flag(
        'All series in one: the sum of rates or increases, over the time that any of them covers',
      ),
      run: string(
        'Only series of this run: that carry its id, or come of its processes or of the `llm-otel run` that started them',
      ),
    },
    attributes: true,
    schema: 'MetricQueryResponse',
    async handle({ values, where, context }) {
      const to = values.to ?? context.now();
      const from = values.from ?? to - DEFAULT_SPAN;
      if (from >= to)
        throw new HttpError(
          400,
          'bad_parameter',
          `Parameter \`from\` (${from}) is not below \`to\` (${to}).`,
        );
      const known = await instrumentNamed(values.name, context.store.instruments());
      const possible = aggregationsOf(known.instrument);
      const agg = values.agg ?? (possible[0] as MetricAggregation);
      if (!possible.includes(agg) && known.seen)
        throw badParameter(
          'agg',
          agg,
          `of the ${known.instrument.kind} ${values.name}: ${possible.join(', ')}`,
        );
      if (values.by && (agg === 'value' || agg === 'histogram'))
        throw badParameter('by', values.by.join(','), 'only with rate, increase, mean and the quantiles');
      if (!known.seen) return { json: nothing(known.instrument, agg, from, to) };
      if (values.together && (values.by || (agg !== 'rate' && agg !== 'increase')))
        throw badParameter('together', 'true', 'only with rate and increase, and without `by`');
      const { maxPoints } = values;
      const by = values.together ? [] : values.by;
      const question = { instrument: known.instrument, where, agg, from, to, maxPoints, by };
      return { json: await queryMetric(await readingFor(values.run, context.reading), question) };
    },
  }),
];

async function readingFor(id: string | undefined, reading: Reading): Promise<Reading> {
  if (id === undefined) return reading;
  const run = await reading.run(id);
  if (run === undefined) throw badParameter('run', id, 'the id of a run that GET /api/runs lists');
  return metricsOfRun(reading, run);
}

/** An instrument that nothing has been received of is not an error: its program may start any moment. */
async function instrumentNamed(
  name: string,
  all: Promise<InstrumentInfo[]>,
): Promise<{ instrument: InstrumentInfo; seen: boolean }> {
  const stored = (await all).filter((instrument) => instrument.name === name);
  const newest = stored.sort((a, b) => b.lastSeen - a.lastSeen)[0];
  if (newest) return { instrument: newest, seen: true };
  const defined = Object.values<MetricDefinition>(METRIC).find((metric) => metric.name === name);
  const kind = defined?.kind ?? 'gauge';
  return {
    seen: false,
    instrument: {
      name,
      kind: kind === 'counter' || kind === 'updowncounter' ? 'sum' : kind,
      monotonic: kind === 'counter',
      temporality: null,
      unit: defined?.unit ?? '',
      description: defined?.description ?? '',
      series: 0,
      lastSeen: 0,
    },
  };
}

function nothing({ name, unit, kind }: InstrumentInfo, agg: MetricAggregation, from: number, to: number) {
  const histogram = agg === 'histogram' ? { histogram: { bounds: [], counts: [0], count: 0, sum: 0 } } : {};
  return { name, unit, kind, agg, from, to, series: [], ...histogram };
}
