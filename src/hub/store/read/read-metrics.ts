import type { InstrumentInfo } from '../../../conventions/index.ts';
import { AnswerTooLargeError } from '../answer-too-large-error.ts';
import { decodeHistogramChunk, type HistogramOutline, type HistogramRow } from '../chunks/histogram-chunk.ts';
import { decodeNumberChunk, type NumberColumns } from '../chunks/number-chunk.ts';
import { type ChunkRow, SELECT_CHUNK } from '../metrics/series.ts';
import type {
  HistogramQuery,
  HistogramSeries,
  MetricQuery,
  NumberSeries,
  PointsQuery,
  SeriesIdentity,
} from '../store.ts';
import { toStoredHistogram } from './histogram-bounds.ts';
import { lowerBound, m4, upperBound } from './m4.ts';
import type { LiveNumbers, LiveRows, LiveSeries } from './protocol.ts';
import { scratchColumns } from './scratch.ts';
import { matchingSeries } from './series-match.ts';
import type { ReadDatabase } from './sql.ts';
import { chosenRows, columnsOver, sameLayout, thinHistogram } from './thin-histogram.ts';
import { addedUpByColumn, positionsOfIncrease } from './thin-numbers.ts';

export function readInstruments(db: ReadDatabase, lastSeen: ReadonlyMap<number, number>): InstrumentInfo[] {
  const rows = db.all<{
    id: number;
    name: string;
    kind: InstrumentInfo['kind'];
    unit: string;
    temporality: string;
    monotonic: number;
    description: string;
    last_seen: number;
    series: number;
  }>(
    'SELECT m.*, (SELECT count(*) FROM series s WHERE s.metric = m.id) AS series FROM metric m ORDER BY m.name, m.kind, m.unit',
  );
  return rows.map((row) => ({
    name: row.name,
    kind: row.kind,
    monotonic: row.monotonic === 1,
    temporality: row.temporality === 'unspecified' ? null : (row.temporality as 'cumulative' | 'delta'),
    unit: row.unit,
    description: row.description,
    series: row.series,
    lastSeen: Math.max(row.last_seen, lastSeen.get(row.id) ?? 0),
  }));
}

/** Layouts looked through for an equal one: a metric has one or two. */
const MOST_SHARED_LAYOUTS = 8;
/** Most points of one answer, all series together: 24 bytes each, in two threads, and three times that as JSON. */
export const MOST_ANSWERED_POINTS = 10_000_000;

/**
 * Series without a point in the range are left out.
 * @throws AnswerTooLargeError
 */
export function readPoints(
  db: ReadDatabase,
  query: PointsQuery,
  live: readonly LiveNumbers[],
  mostPoints = MOST_ANSWERED_POINTS,
): NumberSeries[] {
  const unsealed = new Map(live.map((one) => [one.series, one]));
  const found: NumberSeries[] = [];
  let answered = 0;
  for (const { id, kind, ...stored } of matchingSeries(db, query, ['gauge', 'sum'])) {
    const identity = seenSince(stored, unsealed.get(id));
    const columns = numbersBetween(db, id, query, unsealed.get(id)?.heads ?? []);
    const from = lowerBound(columns.time, query.from);
    const begin = query.before === true && from > 0 ? from - 1 : from;
    const end = Math.max(begin, upperBound(columns.time, query.to));
    if (end === begin) continue;
    const total = end - begin;
    const columnAt =
      query.columns === undefined || kind !== 'sum' ? undefined : columnsOver(query, query.columns);
    if (columnAt !== undefined) {
      const thinned = thinSum(columns, begin, end, columnAt, identity);
      if (thinned.time.length > 0)
        found.push({ ...identity, kind: 'sum', total, reduced: thinned.time.length < total, ...thinned });
      continue;
    }
    answered += query.maxPoints === 0 ? total : Math.min(total, query.maxPoints);
    if (answered > mostPoints)
      throw new AnswerTooLargeError(
        `${query.name} has more than ${mostPoints} points in this time, all series together; ask for a shorter time, ` +
          'fewer series, or fewer points of each (maxPoints).',
      );
    const series = { ...identity, kind: kind as NumberSeries['kind'], total };
    if (query.maxPoints === 0 || total <= query.maxPoints) {
      found.push({
        ...series,
        reduced: false,
        time: columns.time.slice(begin, end),
        start: columns.start.slice(begin, end),
        value: columns.value.slice(begin, end),
      });
      continue;
    }
    const low = Number.isFinite(query.from) ? query.from : columns.time[begin]!;
    const high = Number.isFinite(query.to) ? query.to : columns.time[end - 1]!;
    const kept = m4(columns.time, columns.value, begin, end, query.maxPoints, low, high);
    found.push({
      ...series,
      reduced: kept.length < total,
      time: picked(columns.time, kept),
      start: picked(columns.start, kept),
      value: picked(columns.value, kept),
    });
  }
  return found;
}

export function readHistograms(
  db: ReadDatabase,
  query: HistogramQuery,
  live: readonly LiveRows[],
): HistogramSeries[] {
  const unsealed = new Map(live.map((one) => [one.series, one]));
  /** Layouts met so far, the last one first: equal ones become one, which is compared and sent once. */
  let layouts: (readonly number[])[] = [];
  const found: HistogramSeries[] = [];
  for (const { id, kind, ...stored } of matchingSeries(db, query, ['histogram', 'exponential_histogram'])) {
    const identity = seenSince(stored, unsealed.get(id));
    const choose = chooser(db, id, query, identity.temporality === 'delta');
    let rows: HistogramRow[] = [];
    const add = (row: HistogramRow): void => {
      row.layout = layouts.find((layout) => sameLayout(layout, row.layout)) ?? row.layout;
      if (layouts[0] !== row.layout) layouts = [row.layout, ...layouts].slice(0, MOST_SHARED_LAYOUTS);
      rows.push(row);
    };
    const take = ({ n, data }: ChunkRow): void => decodeHistogramChunk(data, n, choose).forEach(add);
    const before = chunkBefore(db, id, query.from);
    if (before !== undefined) take(before);
    for (const chunk of chunksBetween(db, id, query)) take(chunk);
    unsealed.get(id)?.rows.forEach(add);
    if (rows.some((row, i) => i > 0 && row.time <= rows[i - 1]!.time)) {
      rows.sort((a, b) => a.time - b.time);
      rows = rows.filter((row, i) => i === 0 || row.time !== rows[i - 1]!.time);
    }
    const first = rows.findIndex((row) => row.time >= query.from);
    const begin = Math.max(0, (first < 0 ? rows.length : first) - 1);
    rows = rows.slice(begin).filter((row) => row.time <= query.to);
    if (rows.length === 0) continue;
    if (query.columns !== undefined) {
      rows = thinHistogram(rows, query, query.columns, identity.temporality === 'delta');
    }
    found.push({
      ...identity,
      kind: kind as HistogramSeries['kind'],
      points: rows.map((row) => toStoredHistogram(row, kind === 'exponential_histogram')),
    });
  }
  return found;
}

function thinSum(
  columns: NumberColumns,
  begin: number,
  end: number,
  columnAt: (time: number) => number,
  { temporality, monotonic }: Pick<SeriesIdentity, 'temporality' | 'monotonic'>,
): NumberColumns {
  if (temporality === 'delta') return addedUpByColumn(columns, begin, end, columnAt);
  const kept = positionsOfIncrease(columns, begin, end, columnAt, monotonic);
  return {
    time: picked(columns.time, kept),
    start: picked(columns.start, kept),
    value: picked(columns.value, kept),
  };
}

/** With what is not sealed yet of the resource. */
function seenSince<T extends { resourceSince: number }>(stored: T, live: LiveSeries | undefined): T {
  return { ...stored, resourceSince: Math.min(stored.resourceSince, live?.resourceSince ?? Infinity) };
}

/**
 * Which rows of a chunk are worth making for a question that thins: all, when they cannot be told apart chunk by
 * chunk (chunks that overlap, since points came out of order).
 */
function chooser(
  db: ReadDatabase,
  series: number,
  { from, to, columns }: HistogramQuery,
  delta: boolean,
): ((outline: HistogramOutline) => Uint8Array) | undefined {
  const columnAt = columns === undefined || delta ? undefined : columnsOver({ from, to }, columns);
  if (columnAt === undefined) return undefined;
  let end = -Infinity;
  for (const { t0, t1 } of db.each<{ t0: number; t1: number }>(
    'SELECT t0, t1 FROM chunk WHERE series = ? AND t0 <= ? ORDER BY t1',
    series,
    to,
  )) {
    if (t0 <= end) return undefined;
    end = t1;
  }
  return (outline) => chosenRows(outline, columnAt);
}

function chunksBetween(db: ReadDatabase, series: number, { from, to }: MetricQuery): Iterable<ChunkRow> {
  return db.each<ChunkRow>(
    `${SELECT_CHUNK} WHERE chunk.series = ? AND chunk.t1 >= ? AND chunk.t0 <= ? ORDER BY chunk.t1`,
    series,
    from,
    to,
  );
}

/** The newest chunk that lies wholly before; one that reaches into the range is read with the range. */
function chunkBefore(db: ReadDatabase, series: number, from: number): ChunkRow | undefined {
  return db.one<ChunkRow>(
    `${SELECT_CHUNK} WHERE chunk.series = ? AND chunk.t1 < ? ORDER BY chunk.t1 DESC LIMIT 1`,
    series,
    from,
  );
}

/** Points of a series in chunks and heads that touch the range, ascending, each time once. Valid until the next call. */
function numbersBetween(
  db: ReadDatabase,
  series: number,
  query: PointsQuery,
  heads: readonly NumberColumns[],
): NumberColumns {
  const before = query.before === true ? chunkBefore(db, series, query.from) : undefined;
  let length = before?.n ?? 0;
  length += db.one<{ n: number }>(
    'SELECT coalesce(sum(n), 0) AS n FROM chunk WHERE series = ? AND t1 >= ? AND t0 <= ?',
    series,
    query.from,
    query.to,
  )!.n;
  for (const head of heads) length += head.time.length;
  const [time, start, value] = scratchColumns(length);
  const all: NumberColumns = { time, start, value };
  let at = 0;
  let inOrder = true;
  const took = (count: number): void => {
    if (at > 0 && count > 0 && all.time[at]! <= all.time[at - 1]!) inOrder = false;
    at += count;
  };
  const take = ({ data, n, times }: ChunkRow): void => {
    decodeNumberChunk(data, n, times, all, at);
    took(n);
  };
  if (before !== undefined) take(before);
  for (const chunk of chunksBetween(db, series, query)) take(chunk);
  for (const head of heads) {
    all.time.set(head.time, at);
    all.start.set(head.start, at);
    all.value.set(head.value, at);
    took(head.time.length);
  }
  return inOrder ? all : sortedOnce(all);
}

function sortedOnce({ time, start, value }: NumberColumns): NumberColumns {
  // An array, not a typed one: its sort finds the ascending runs and merges them.
  const order = Array.from({ length: time.length }, (_, i) => i).sort((a, b) => time[a]! - time[b]!);
  const once = order.filter((position, i) => i === 0 || time[position] !== time[order[i - 1]!]);
  return {
    time: picked(time, once),
    start: picked(start, once),
    value: picked(value, once),
  };
}

function picked(column: Float64Array, positions: ArrayLike<number>): Float64Array {
  const out = new Float64Array(positions.length);
  for (let i = 0; i < out.length; i++) out[i] = column[positions[i]!]!;
  return out;
}
