import { useMemo } from 'preact/hooks';
import type { MetricQueryResponse } from '../../../conventions/hub-api.ts';
import { OUTCOMES } from '../../../conventions/attributes.ts';
import { ChartCard } from '../chart/card.tsx';
import { useNearScreen } from '../chart/near-screen.ts';
import type { PlotX } from '../chart/plot.tsx';
import { api, type TimeSpan } from '../data/api.ts';
import { entryOf, metricOf } from '../data/catalogue.ts';
import { useQuery } from '../data/query.ts';
import { formatCount, formatQuantity } from '../format/quantity.ts';
import { type Bucket, bucketsOf, quantilePlace } from '../series/buckets.ts';
import { staleAfterOf } from '../series/catalogue-lines.ts';
import { exportInterval, groupByAttribute, statisticLine } from '../series/metric-lines.ts';
import { LATENCIES, type LatencyMeasure } from '../state/address.ts';
import { address, go } from '../state/view.ts';
import { Choice } from './controls.tsx';
import { CELLS, KeyChart, STATISTIC_CELLS, TimeChart, type TimeLine } from './metric-chart.tsx';
import { ENOUGH_FOR_P99, SummaryTable } from './summary.tsx';

type Histogram = NonNullable<MetricQueryResponse['histogram']>;
const QUANTILES = ['p50', 'p95', 'p99'] as const;
const quantilesFor = (count: number) => QUANTILES.slice(0, count < ENOUGH_FOR_P99 ? 2 : 3);

/** The latencies to choose from; `key` names the catalogue's entry, and so the metric. */
const MEASURE: Record<LatencyMeasure, { short: string; title: string; key: string; help: string }> = {
  ttft: {
    short: 'TTFT',
    title: 'Time to first token',
    key: 'api/time_to_first_token',
    help: 'Request received to first content, reasoning or tool-call delta; successful requests',
  },
  duration: {
    short: 'Duration',
    title: 'Request duration',
    key: 'api/request_duration',
    help: 'Duration of a generation, to its last byte; errors included',
  },
  tpot: {
    short: 'TPOT',
    title: 'Time per output token',
    key: 'api/time_per_output_token',
    help: '(duration − time to first token) / (output tokens − 1); successful requests',
  },
};

function MeasureChoice() {
  return (
    <Choice
      label="Latency measure"
      value={address.value.latency}
      choices={LATENCIES}
      text={(measure) => MEASURE[measure].short}
      onChoose={(latency) => go({ latency })}
    />
  );
}

/** How the latencies of the window are spread over the metric's buckets. */
export function LatencyHistogram({ height, title }: { height?: number; title?: string }) {
  const { ref, near } = useNearScreen();
  const measure = MEASURE[address.value.latency];
  const metric = metricOf(measure.key);
  const { data, error, loading } = useQuery(`histogram ${metric}`, near, (span, signal) =>
    api.metric({ name: metric, agg: 'histogram', where: {} }, span, 0, signal),
  );
  const histogram = data?.name === metric ? data.histogram : undefined;
  const buckets = useMemo(() => (histogram === undefined ? [] : bucketsOf(histogram)), [histogram]);
  const drawn = useMemo(() => barsOf(buckets, histogram), [buckets]);
  return (
    <div class="cell" ref={ref} data-chart="latency">
      <ChartCard
        title={title ?? measure.title}
        help={`${measure.help} (${metric})`}
        badge={histogram === undefined ? undefined : `${formatCount(histogram.count)} requests`}
        controls={<MeasureChoice />}
        data={drawn.data}
        lines={drawn.lines}
        x={drawn.x}
        y="linear"
        yFrom={0}
        range={null}
        marks={[]}
        guides={drawn.guides}
        sync="latency"
        unit="share"
        error={error}
        loading={loading || (data !== undefined && data.name !== metric)}
        height={height}
        empty={<p class="muted">No traffic in this window.</p>}
      />
    </div>
  );
}

function barsOf(buckets: readonly Bucket[], histogram: Histogram | undefined) {
  const edge = (at: number): string => {
    const bucket = buckets[at];
    const bound = bucket === undefined ? buckets[at - 1]?.to : bucket.from;
    return bound === null || bound === undefined ? '' : formatQuantity(bound, 's');
  };
  const x: PlotX = { kind: 'bars', label: edge };
  const guides = quantilesFor(histogram?.count ?? 0).flatMap((agg) => {
    const place = quantilePlace(buckets, Number(agg.slice(1)) / 100, histogram);
    if (place === undefined || place.value === null) return [];
    return [{ x: place.index + place.within, label: agg, text: formatQuantity(place.value, 's') }];
  });
  const rows = buckets.map((_, i) => i);
  return {
    x,
    guides,
    data:
      buckets.length === 0
        ? { x: [], ys: [] }
        : { x: [...rows, buckets.length], ys: [[...buckets.map((bucket) => bucket.share), null]] },
    lines: [{ label: 'share', color: 0, fill: 0.35, width: 1 }],
  };
}

/** p50, p95 and p99 over time. */
export function LatencyPercentiles({ height }: { height?: number }) {
  const measure = MEASURE[address.value.latency];
  const metric = metricOf(measure.key);
  return (
    <TimeChart
      id={`percentiles ${metric}`}
      title={`${measure.title}, percentiles`}
      help={`${measure.help} (${metric})`}
      empty="No traffic in this window."
      height={height}
      ask={async (span, signal) => {
        const all = await Promise.all(QUANTILES.map((agg) => readPercentile(metric, agg, span, signal)));
        const worth = quantilesFor(all[0]?.count ?? 0);
        return all.filter(({ label }) => worth.some((agg) => agg === label));
      }}
    />
  );
}

async function readPercentile(
  name: string,
  agg: (typeof QUANTILES)[number],
  span: TimeSpan,
  signal: AbortSignal,
): Promise<TimeLine & { count: number }> {
  const answer = await api.metric({ name, agg, where: {} }, span, STATISTIC_CELLS, signal);
  return {
    label: agg,
    line: statisticLine(answer.series, staleAfterOf(exportInterval(answer.series, 10_000))),
    unit: 's',
    count: answer.count ?? 0,
  };
}

/** Name of the attribute that says how a generation ended: the one that the error rate filters by. */
function outcomeAttribute(): string {
  const source = entryOf('api/error_rate')?.source;
  return source?.from === 'ratio' ? (Object.keys(source.where)[0] ?? '') : '';
}

/** Requests per second by how they ended. */
export function Outcomes({ height }: { height?: number }) {
  const metric = metricOf('api/requests_per_second');
  return (
    <TimeChart
      id="outcomes"
      title="Outcomes"
      help={`Requests per second by outcome (${metric}). An abort by the client is no error.`}
      empty="No traffic in this window."
      height={height}
      ask={async (span, signal) => {
        const by = outcomeAttribute();
        const answer = await api.metric({ name: metric, agg: 'rate', where: {}, by }, span, CELLS, signal);
        const groups = groupByAttribute(answer.series, by);
        const stale = staleAfterOf(exportInterval(answer.series, 10_000));
        const names = [
          ...OUTCOMES.filter((name) => groups.has(name)),
          ...[...groups.keys()].filter((name) => !OUTCOMES.some((one) => one === name)),
        ];
        return names.map((label) => ({
          label,
          line: statisticLine(groups.get(label) ?? [], stale),
          unit: '{request}/s',
        }));
      }}
    />
  );
}

export function Throughput({ height }: { height?: number }) {
  return (
    <KeyChart
      title="Throughput"
      keys={['api/tokens_per_second', 'api/requests_per_second']}
      right={['api/requests_per_second']}
      empty="No traffic in this window."
      height={height}
    />
  );
}

export function Serving() {
  return (
    <>
      <h2 class="visually-hidden">Serving</h2>
      <SummaryTable />
      <div class="grid two">
        <LatencyHistogram height={220} />
        <LatencyPercentiles height={220} />
        <Throughput height={220} />
        <Outcomes height={220} />
        <KeyChart
          title="Requests under way"
          keys={['api/active_requests', 'api/awaiting_first_token']}
          empty="No traffic in this window."
        />
        <KeyChart
          title="Errors and aborts"
          keys={['api/error_rate', 'api/abort_rate']}
          empty="No traffic in this window."
        />
        <KeyChart
          title="Tokens by direction"
          keys={['api/tokens_per_second', 'api/input_tokens_per_second']}
          empty="No traffic in this window."
        />
        <KeyChart title="Queue time" keys={['api/queue_time']} empty="No queue has been reported." />
      </div>
    </>
  );
}
