import type { Span, TracesRequest } from '../../../otlp/model.ts';
import { attributesToJson } from '../attributes.ts';
import type { ResourceEntry } from '../metrics/series.ts';
import type { Resources } from '../resources.ts';
import type { Rows } from '../rows.ts';
import { millisOf } from '../runs/run-record.ts';
import type { Tally } from '../tally.ts';

/** What a trace's row gains by new spans. */
interface TraceGain {
  start: number;
  end: number;
  rootStart: number;
  rootName: string;
  service: string;
  hasRoot: boolean;
  spans: number;
  errors: number;
}

const STATUS_ERROR = 2;

const INSERT_SPAN =
  'INSERT INTO span (trace, id, parent, name, kind, start, duration, status, service, resource, scope, attributes, more) ' +
  'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING';

/** A root beats any other span as the name of the trace; between equals the earlier start does. */
const MERGE_TRACE =
  'INSERT INTO trace (id, start, end, root_start, root_name, service, has_root, spans, errors) ' +
  'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET ' +
  'start = min(start, excluded.start), end = max(end, excluded.end), ' +
  ['root_name', 'service', 'root_start', 'has_root']
    .map(
      (column) =>
        `${column} = CASE WHEN (excluded.has_root, -excluded.root_start) > (has_root, -root_start) ` +
        `THEN excluded.${column} ELSE ${column} END`,
    )
    .join(', ') +
  ', spans = spans + excluded.spans, errors = errors + excluded.errors';

/** Writes spans as rows, each once, and keeps one row a trace beside them for the search. */
export class TracesIngest {
  readonly #rows: Rows;
  readonly #resources: Resources;
  readonly #tally: Tally;

  constructor(rows: Rows, resources: Resources, tally: Tally) {
    this.#rows = rows;
    this.#resources = resources;
    this.#tally = tally;
  }

  apply(request: TracesRequest): void {
    const gains = new Map<string, TraceGain>();
    this.#rows.begin();
    for (const { resource, scopeSpans } of request.resourceSpans) {
      if (scopeSpans.length === 0) continue;
      const entry = this.#resources.get(resource.attributes);
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) this.#span(span, entry, scope.name, gains);
      }
    }
    const merge = this.#rows.sql(MERGE_TRACE);
    for (const [id, gain] of gains) {
      merge.run(
        id,
        gain.start,
        gain.end,
        gain.rootStart,
        gain.rootName,
        gain.service,
        gain.hasRoot ? 1 : 0,
        gain.spans,
        gain.errors,
      );
    }
  }

  #span(span: Span, resource: ResourceEntry, scope: string, gains: Map<string, TraceGain>): void {
    if (span.traceId === '' || span.spanId === '') {
      this.#tally.reject('spans without a trace id or span id');
      return;
    }
    const start = millisOf(span.startTimeUnixNano);
    // From the integers: the difference of two doubles of today is only good to 0.25 us.
    const duration = Math.max(0, Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6);
    const { changes } = this.#rows
      .sql(INSERT_SPAN)
      .run(
        span.traceId,
        span.spanId,
        span.parentSpanId,
        span.name,
        span.kind,
        start,
        duration,
        span.status.code,
        resource.serviceName,
        resource.id,
        scope,
        JSON.stringify(attributesToJson(span.attributes)),
        more(span),
      );
    if (changes === 0) {
      this.#tally.duplicates.spans++;
      return;
    }
    this.#tally.appended.spans++;
    const isRoot = span.parentSpanId === '';
    const gain = gains.get(span.traceId);
    const failed = span.status.code === STATUS_ERROR ? 1 : 0;
    if (gain === undefined) {
      gains.set(span.traceId, {
        start,
        end: start + duration,
        rootStart: start,
        rootName: span.name,
        service: resource.serviceName,
        hasRoot: isRoot,
        spans: 1,
        errors: failed,
      });
      return;
    }
    gain.start = Math.min(gain.start, start);
    gain.end = Math.max(gain.end, start + duration);
    gain.spans++;
    gain.errors += failed;
    const better = isRoot === gain.hasRoot ? start < gain.rootStart : isRoot;
    if (better) {
      gain.rootStart = start;
      gain.rootName = span.name;
      gain.service = resource.serviceName;
      gain.hasRoot = isRoot;
    }
  }
}

/** The parts that only the view of one trace needs. */
export interface SpanMore {
  message?: string;
  traceState?: string;
  events?: { name: string; time: number; attributes: Record<string, unknown> }[];
  links?: { traceId: string; spanId: string; attributes: Record<string, unknown> }[];
}

function more({ status, traceState, events, links }: Span): string {
  const parts: SpanMore = {};
  if (status.message !== '') parts.message = status.message;
  if (traceState !== '') parts.traceState = traceState;
  if (events.length > 0) {
    parts.events = events.map(({ name, timeUnixNano, attributes }) => ({
      name,
      time: millisOf(timeUnixNano),
      attributes: attributesToJson(attributes),
    }));
  }
  if (links.length > 0) {
    parts.links = links.map(({ traceId, spanId, attributes }) => ({
      traceId,
      spanId,
      attributes: attributesToJson(attributes),
    }));
  }
  return JSON.stringify(parts);
}
