import type { JsonValue, SpanInfo, TraceSummary } from '../../../conventions/index.ts';
import { matches } from '../attributes.ts';
import type { TraceQuery } from '../store.ts';
import type { SpanMore } from '../traces/traces-ingest.ts';
import type { ReadDatabase } from './sql.ts';

const KINDS: readonly SpanInfo['kind'][] = [
  'unspecified',
  'internal',
  'server',
  'client',
  'producer',
  'consumer',
];
const STATUSES: readonly SpanInfo['status'][] = ['unset', 'ok', 'error'];

/** Makes `attributes_match(json, where json)` known to SQL. Once a connection. */
export function registerMatcher(db: ReadDatabase): void {
  db.database.function('attributes_match', { deterministic: true }, (attributes, where) =>
    matches(
      JSON.parse(String(where)) as [string, string][],
      JSON.parse(String(attributes)) as Record<string, unknown>,
    )
      ? 1
      : 0,
  );
}

/** Traces that reach into the range, newest first. Different conditions may be met by different spans. */
export function readTraces(db: ReadDatabase, query: TraceQuery): { traces: TraceSummary[]; total: number } {
  const conditions: string[] = [];
  const parameters: (string | number)[] = [];
  const add = (condition: string, ...values: (string | number)[]): void => {
    conditions.push(condition);
    parameters.push(...values);
  };
  const anySpan = (condition: string): string =>
    `EXISTS (SELECT 1 FROM span WHERE span.trace = trace.id AND ${condition})`;
  if (query.from !== undefined) add('end >= ?', query.from);
  if (query.to !== undefined) add('start <= ?', query.to);
  if (query.minDurationMs !== undefined) add('end - start >= ?', query.minDurationMs);
  if (query.errors === true) add('errors > 0');
  if (query.service !== undefined) add(anySpan('span.service = ?'), query.service);
  if (query.name !== undefined) add(anySpan('instr(span.name, ?) > 0'), query.name);
  const where = Object.entries(query.where ?? {});
  if (where.length > 0) add(anySpan('attributes_match(span.attributes, ?)'), JSON.stringify(where));
  const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const rows = db.all<{
    id: string;
    start: number;
    end: number;
    root_name: string;
    service: string;
    spans: number;
    errors: number;
  }>(`SELECT * FROM trace ${filter} ORDER BY start DESC, id LIMIT ?`, ...parameters, query.limit);
  const total =
    rows.length < query.limit
      ? rows.length
      : db.one<{ n: number }>(`SELECT count(*) AS n FROM trace ${filter}`, ...parameters)!.n;
  return {
    total,
    traces: rows.map((row) => ({
      traceId: row.id,
      rootName: row.root_name,
      serviceName: row.service,
      startTime: row.start,
      durationMs: row.end - row.start,
      spans: row.spans,
      errors: row.errors,
    })),
  };
}

/** Spans of one trace in order of start; empty when unknown. */
export function readTrace(db: ReadDatabase, id: string): SpanInfo[] {
  const rows = db.all<{
    trace: string;
    id: string;
    parent: string;
    name: string;
    kind: number;
    start: number;
    duration: number;
    status: number;
    service: string;
    scope: string;
    attributes: string;
    more: string;
    resource: string | null;
  }>(
    'SELECT span.*, (SELECT attributes FROM resource WHERE resource.id = span.resource) AS resource ' +
      'FROM span WHERE trace = ? ORDER BY start, rowid',
    id.toLowerCase(),
  );
  return rows.map((row) => {
    const more = JSON.parse(row.more) as SpanMore;
    return {
      traceId: row.trace,
      spanId: row.id,
      parentSpanId: row.parent === '' ? null : row.parent,
      name: row.name,
      kind: KINDS[row.kind] ?? 'unspecified',
      startTime: row.start,
      durationMs: row.duration,
      status: STATUSES[row.status] ?? 'unset',
      statusMessage: more.message ?? '',
      serviceName: row.service,
      attributes: JSON.parse(row.attributes) as Record<string, JsonValue>,
      resource: JSON.parse(row.resource ?? '{}') as Record<string, JsonValue>,
      scope: row.scope,
      events: (more.events ?? []) as SpanInfo['events'],
      links: (more.links ?? []) as SpanInfo['links'],
    };
  });
}
