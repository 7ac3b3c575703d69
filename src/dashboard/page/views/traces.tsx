import { useState } from 'preact/hooks';
import type { JsonValue, SpanInfo, TraceSummary } from '../../../conventions/hub-api.ts';
import { api } from '../data/api.ts';
import { useQuery } from '../data/query.ts';
import { formatDateTime, formatTime } from '../format/clock.ts';
import { formatCount, formatQuantity } from '../format/quantity.ts';
import { waterfall } from '../series/waterfall.ts';
import { address, go, linkTo } from '../state/view.ts';
import { follow } from './header.tsx';

const MOST_TRACES = 100;

export function Traces() {
  const { trace } = address.value;
  const [errors, setErrors] = useState(false);
  const [name, setName] = useState('');
  const { data, error } = useQuery(`traces ${errors} ${name}`, true, ({ from, to }, signal) =>
    api.traces(
      {
        from: Math.round(from),
        to: Math.round(to),
        limit: MOST_TRACES,
        ...(errors ? { errors: 1 } : {}),
        ...(name === '' ? {} : { name }),
      },
      signal,
    ),
  );
  return (
    <div class="traces-view">
      <h2 class="visually-hidden">Traces</h2>
      <section class="card" aria-label="Recent traces">
        <header class="card-head">
          <h3>Recent traces</h3>
          {data !== undefined && (
            <span class="badge">
              showing {formatCount(data.traces.length)} of {formatCount(data.total)}
            </span>
          )}
          <span class="spacer" />
          <label class="check">
            <input type="checkbox" checked={errors} onChange={() => setErrors(!errors)} /> with errors
          </label>
          <input
            type="search"
            placeholder="Span name"
            aria-label="Filter by span name"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </header>
        {error !== null && <p class="notice bad">{error}</p>}
        {data === undefined ? (
          <p class="empty muted">Reading …</p>
        ) : data.traces.length === 0 ? (
          <p class="empty muted">No traces in this window.</p>
        ) : (
          <TraceTable traces={data.traces} open={trace} />
        )}
      </section>
      {trace !== '' && <TraceCard key={trace} id={trace} />}
    </div>
  );
}

function TraceTable({ traces, open }: { traces: readonly TraceSummary[]; open: string }) {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of traces">
      <table class="traces">
        <thead>
          <tr>
            {['Time', 'Trace', 'Service', 'Duration', 'Spans', 'Errors'].map((column, i) => (
              <th scope="col" class={i > 2 ? 'number' : undefined} key={column}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {traces.map((trace) => (
            <tr key={trace.traceId} class={trace.traceId === open ? 'selected' : undefined}>
              <td title={formatDateTime(trace.startTime)}>{formatTime(trace.startTime)}</td>
              <td class="name">
                <a
                  href={linkTo({ trace: trace.traceId })}
                  onClick={follow(() => go({ trace: trace.traceId }))}
                  title={trace.rootName}
                >
                  {trace.rootName || '(no root yet)'}
                </a>
              </td>
              <td class="name">{trace.serviceName}</td>
              <td class="number">{formatQuantity(trace.durationMs, 'ms')}</td>
              <td class="number">{formatCount(trace.spans)}</td>
              <td class={trace.errors > 0 ? 'number bad' : 'number'}>
                {trace.errors > 0 ? `✕ ${formatCount(trace.errors)}` : '0'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TraceCard({ id }: { id: string }) {
  const { data, error } = useQuery(`trace ${id}`, true, (_span, signal) => api.trace(id, signal));
  const [chosen, setChosen] = useState('');
  const rows = waterfall(data?.spans ?? []);
  const span = rows.find((row) => row.span.spanId === chosen)?.span ?? rows[0]?.span;
  return (
    <section class="card trace" aria-label="Trace">
      <header class="card-head">
        <h3>Trace</h3>
        <code class="badge">{id}</code>
        <span class="spacer" />
        <button type="button" class="quiet" onClick={() => go({ trace: '' })}>
          Close
        </button>
      </header>
      {error !== null && <p class="notice bad">{error}</p>}
      {data !== undefined && rows.length === 0 && (
        <p class="empty muted">This trace is not (or no longer) kept.</p>
      )}
      <ol class="waterfall">
        {rows.map((row) => (
          <li key={row.span.spanId}>
            <button
              type="button"
              class={row.span === span ? 'row selected' : 'row'}
              aria-pressed={row.span === span}
              onClick={() => setChosen(row.span.spanId)}
            >
              <span
                class="label"
                style={{ paddingLeft: `${Math.min(row.depth, 12) * 14}px` }}
                title={row.span.name}
              >
                {row.span.status === 'error' && <span class="bad">✕ </span>}
                {row.span.name}
              </span>
              <svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
                <rect
                  class={row.span.status}
                  x={row.left * 1000}
                  y="0"
                  width={Math.max(row.width * 1000, 2)}
                  height="10"
                />
              </svg>
              <span class="length">{formatQuantity(row.span.durationMs, 'ms')}</span>
            </button>
          </li>
        ))}
      </ol>
      {span !== undefined && <SpanDetails span={span} />}
    </section>
  );
}

function SpanDetails({ span }: { span: SpanInfo }) {
  const pairs: [string, JsonValue][] = [
    ['service', span.serviceName],
    ['kind', span.kind],
    ['status', span.statusMessage === '' ? span.status : `${span.status}: ${span.statusMessage}`],
    ['started', formatDateTime(span.startTime)],
    ...Object.entries(span.attributes),
    ...span.events.map((event): [string, JsonValue] => [
      `event ${event.name} +${formatQuantity(event.time - span.startTime, 'ms')}`,
      Object.keys(event.attributes).length === 0 ? '' : JSON.stringify(event.attributes),
    ]),
    ...span.links.map((link): [string, JsonValue] => ['link', `${link.traceId} ${link.spanId}`]),
  ];
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={`Attributes of ${span.name}`}>
      <table class="pairs">
        <caption>{span.name}</caption>
        <tbody>
          {pairs.map(([name, value], i) => (
            <tr key={`${name}${i}`}>
              <th scope="row">{name}</th>
              <td>{typeof value === 'string' ? value : JSON.stringify(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
