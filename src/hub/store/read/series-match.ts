import { matches } from '../attributes.ts';
import type { MetricQuery, SeriesIdentity } from '../store.ts';
import type { ReadDatabase } from './sql.ts';

export interface MatchingSeries extends SeriesIdentity {
  id: number;
  kind: string;
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
  const where = Object.entries(query.where);
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
    if (!matches(where, attributes, resource)) continue;
    found.push({
      id: row.id,
      kind: row.kind,
      attributes,
      resource,
      unit: row.unit,
      temporality: row.temporality === 'unspecified' ? null : (row.temporality as 'cumulative' | 'delta'),
      monotonic: row.monotonic === 1,
    });
  }
  return found;
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
