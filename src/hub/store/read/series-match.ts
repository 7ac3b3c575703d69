import { seriesFilter } from '../series-filter.ts';
import type { MetricQuery, SeriesIdentity } from '../store.ts';
import type { ReadDatabase } from './sql.ts';

export interface MatchingSeries extends SeriesIdentity {
  id: number;
  kind: string;
  /** Of sealed points; Infinity without one. */
  resourceSince: number;
}

interface SeriesRow {
  id: number;
  resource: number;
  attributes: string;
  kind: string;
  unit: string;
  temporality: string;
  monotonic: number;
}

/** Beyond this the caches of parsed JSON begin anew. */
const MOST_CACHED = 50_000;
const attributesOf = new Map<number, Record<string, unknown>>();
const resourceOf = new Map<number, Record<string, unknown>>();
const sinceOf = new Map<number, number>();

/** Series of the metrics of a name, of the kinds wanted, that the filter of the query lets through. */
export function matchingSeries(
  db: ReadDatabase,
  query: MetricQuery,
  kinds: readonly string[],
): MatchingSeries[] {
  const rows = db.all<SeriesRow>(
    'SELECT s.id, s.resource, s.attributes, m.kind, m.unit, m.temporality, m.monotonic ' +
      'FROM metric m JOIN series s ON s.metric = m.id WHERE m.name = ? ORDER BY s.id',
    query.name,
  );
  const wanted = seriesFilter(query);
  const found: MatchingSeries[] = [];
  for (const row of rows) {
    if (!kinds.includes(row.kind)) continue;
    const attributes = cached(attributesOf, row.id, () => row.attributes);
    const resource = cached(
      resourceOf,
      row.resource,
      () =>
        db.one<{ attributes: string }>('SELECT attributes FROM resource WHERE id = ?', row.resource)
          ?.attributes ?? '{}',
    );
    if (!wanted(attributes, resource)) continue;
    found.push({
      id: row.id,
      kind: row.kind,
      attributes,
      resource,
      resourceSince: resourceSince(db, row.resource),
      unit: row.unit,
      temporality: row.temporality === 'unspecified' ? null : (row.temporality as 'cumulative' | 'delta'),
      monotonic: row.monotonic === 1,
    });
  }
  return found;
}

/** Oldest sealed point of a resource. Kept once found: when retention drops the oldest, what is kept is the truer. */
function resourceSince(db: ReadDatabase, resource: number): number {
  const known = sinceOf.get(resource);
  if (known !== undefined) return known;
  const since = db.one<{ since: number | null }>(
    'SELECT min((SELECT t0 FROM chunk WHERE series = s.id ORDER BY t1 LIMIT 1)) AS since FROM series s WHERE s.resource = ?',
    resource,
  )?.since;
  if (since === undefined || since === null) return Infinity;
  if (sinceOf.size >= MOST_CACHED) sinceOf.clear();
  sinceOf.set(resource, since);
  return since;
}

/** Ids are never used twice, so what was parsed stays true. */
function cached(
  cache: Map<number, Record<string, unknown>>,
  id: number,
  text: () => string,
): Record<string, unknown> {
  let value = cache.get(id);
  if (value === undefined) {
    if (cache.size >= MOST_CACHED) cache.clear();
    value = JSON.parse(text()) as Record<string, unknown>;
    cache.set(id, value);
  }
  return value;
}
