import type { Distribution, PerformanceSummary } from '../../../conventions/hub-api.ts';
import { api } from '../data/api.ts';
import { useQuery } from '../data/query.ts';
import { formatDuration } from '../format/clock.ts';
import { formatCount, formatNumber, formatQuantity } from '../format/quantity.ts';
import { NumberColumns } from './number-columns.tsx';

/** Below this count the 99th percentile is the maximum of few values and says little. */
export const ENOUGH_FOR_P99 = 100;

/** The performance summary of the window, in figures. */
export function SummaryTable() {
  const { data, error } = useQuery('summary', true, (span, signal) => api.summary(span, signal));
  if (error !== null) return <p class="card notice bad">{error}</p>;
  if (data === undefined) return <p class="card empty muted">Reading …</p>;
  return (
    <section class="card summary" aria-label="Summary of the window">
      <header class="card-head">
        <h3>Summary</h3>
        <span class="badge">
          data for {formatDuration(data.coverage * 1000)} of {formatDuration(data.to - data.from)}
        </span>
        <span class="spacer" />
        <span class="muted models" title={data.models.join(', ')}>
          {data.models.join(', ')}
        </span>
      </header>
      {data.requests.total === 0 ? (
        <p class="empty muted">No traffic in this window.</p>
      ) : (
        <div class="summary-body">
          <div>
            <Figures data={data} />
            <ErrorTypes {...data} />
          </div>
          <div>
            <Latencies data={data} />
            <Objectives data={data} />
          </div>
        </div>
      )}
    </section>
  );
}

function Figures({ data }: { data: PerformanceSummary }) {
  const { requests, tokens } = data;
  const number = (value: number | null, unit: string): string =>
    value === null ? '—' : formatQuantity(value, unit);
  const figures: [string, string, string?][] = [
    ['Requests', formatCount(requests.total), 'All generations, whatever their outcome'],
    ['Completed', formatCount(requests.completed)],
    ['Cut by length', formatCount(requests.length)],
    ['Errors', formatCount(requests.error)],
    ['Aborted', formatCount(requests.aborted), 'The client gave up; not an error'],
    ['Error rate', number(data.errorRate, 'share')],
    ['Requests/s', number(data.requestThroughput, '{request}/s')],
    ['Output tokens/s', number(data.outputTokensPerSecond, '{token}/s')],
    ['Input tokens', formatCount(tokens.input)],
    ['Output tokens', formatCount(tokens.output)],
    [
      'Goodput',
      data.goodput === null
        ? '—'
        : `${formatQuantity(data.goodput.ratio, 'share')}, ${formatNumber(data.goodput.requestsPerSecond)}/s`,
      data.goodput === null
        ? 'The servers have no objective (serving.slo)'
        : 'Requests that met every objective of the server',
    ],
    ['Memory', number(data.memoryPercent, '%')],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value, help]) => (
        <div key={name} title={help}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Most kinds of errors that are written out. */
const MOST_ERROR_TYPES = 6;

function ErrorTypes({ errorTypes }: PerformanceSummary) {
  const all = Object.entries(errorTypes);
  if (all.length === 0) return null;
  const shown = all.slice(0, MOST_ERROR_TYPES).map(([type, count]) => `${type} ${formatCount(count)}`);
  const more = all.length - shown.length;
  return (
    <p class="hint bad">
      Errors: {shown.join(' · ')}
      {more > 0 && ` and ${more} more`}
    </p>
  );
}

function Objectives({ data }: { data: PerformanceSummary }) {
  if (data.objectives === undefined || data.objectives.length === 0) return null;
  return (
    <p class="hint">
      Within objectives:{' '}
      {data.objectives
        .map(({ name, seconds, attained }) => {
          const share = attained === null ? '—' : formatQuantity(attained, 'share');
          return `${OBJECTIVE[name]} ≤ ${formatQuantity(seconds, 's')} ${share}`;
        })
        .join(' · ')}
    </p>
  );
}
const OBJECTIVE = { ttft: 'TTFT', tpot: 'TPOT', duration: 'duration' } as const;

function Latencies({ data }: { data: PerformanceSummary }) {
  const rows: [string, Distribution][] = [
    ['TTFT', data.ttft],
    ['TPOT', data.tpot],
    ['Duration', data.duration],
    ['Queue', data.queue],
  ];
  const seconds = (value: number | null): string => (value === null ? '—' : formatQuantity(value, 's'));
  return (
    <table class="latencies">
      <thead>
        <tr>
          <NumberColumns names={['', 'mean', 'p50', 'p95', 'p99', 'n']} />
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, spread]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="number">{seconds(spread.mean)}</td>
            <td class="number">{seconds(spread.p50)}</td>
            <td class="number">{seconds(spread.p95)}</td>
            <td
              class="number"
              title={spread.count < ENOUGH_FOR_P99 ? 'Needs at least 100 requests' : undefined}
            >
              {spread.count < ENOUGH_FOR_P99 ? '—' : seconds(spread.p99)}
            </td>
            <td class="number">{formatCount(spread.count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
