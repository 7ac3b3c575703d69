import { decodeAttributes } from '../../../otlp/index.ts';
import type {
  ExponentialHistogramPoint,
  HistogramPoint,
  MetricData,
  MetricsRequest,
  NumberMetric,
} from '../../../otlp/model.ts';
import type { HistogramRow } from '../chunks/histogram-chunk.ts';
import { canonicalText } from '../attributes.ts';
import { LIMITS } from '../limits.ts';
import type { Resources } from '../resources.ts';
import type { Rows } from '../rows.ts';
import type { Tally } from '../tally.ts';
import { HistogramHead } from './histogram-head.ts';
import { NumberHead } from './number-head.ts';
import {
  type ChunkRow,
  decodeHead,
  type MetricEntry,
  type MetricKind,
  type ResourceEntry,
  SELECT_CHUNK,
  Series,
} from './series.ts';
import { SeriesSet } from './series-set.ts';

/** OTLP data point flag: the series ends here, the value means nothing. */
const NO_RECORDED_VALUE = 1;
/** Decoded times of sealed chunks, for points that come out of order. */
const CACHED_TIMES = 64;

/**
 * Takes the points of metrics requests into the heads of their series. The way of a usual point: guess the
 * series by its place in the request, compare its attribute bytes, append to three arrays.
 */
export class MetricsIngest {
  readonly #rows: Rows;
  readonly #resources: Resources;
  readonly #tally: Tally;
  readonly #maxSeries: number;
  readonly #sets = new Map<number, Map<string, SeriesSet>>();
  readonly #metrics = new Map<string, MetricEntry>();
  readonly #sealedTimes = new Map<number, Float64Array>();
  /** Series with unsealed points that are not frozen. */
  dirty = new Set<Series>();
  /** Unsealed points, histogram points counted for what they weigh. */
  weight = 0;
  seriesCount: number;

  constructor(rows: Rows, resources: Resources, tally: Tally, maxSeries: number) {
    this.#rows = rows;
    this.#resources = resources;
    this.#tally = tally;
    this.#maxSeries = maxSeries;
    this.seriesCount = (rows.sql('SELECT count(*) AS n FROM series').get() as { n: number }).n;
  }

  apply(request: MetricsRequest, arrival: number): void {
    for (const { resource, scopeMetrics } of request.resourceMetrics) {
      if (scopeMetrics.length === 0) continue;
      const entry = this.#resources.get(resource.attributes);
      for (const { scope, metrics } of scopeMetrics) {
        for (const metric of metrics) this.#metric(entry, scope.name, metric, arrival);
      }
    }
  }

  metrics(): Iterable<MetricEntry> {
    return this.#metrics.values();
  }

  /** Series with unsealed points, of metrics of that name. */
  *unsealed(name: string, frozen: Iterable<Series>): Iterable<Series> {
    for (const series of this.dirty) if (series.metric.name === name) yield series;
    for (const series of frozen) if (series.metric.name === name && !this.dirty.has(series)) yield series;
  }

  /** Ids of series with unsealed points. */
  unsealedIds(): Set<number> {
    return new Set(Array.from(this.dirty, (series) => series.id));
  }

  /** Chunks were written or deleted. */
  chunksChanged(): void {
    this.#sealedTimes.clear();
  }

  /** Series whose rows were deleted. */
  forget(ids: ReadonlySet<number>): void {
    this.seriesCount -= ids.size;
    for (const [resource, sets] of this.#sets) {
      for (const set of sets.values()) set.forget((series) => ids.has(series.id));
      if ([...sets.values()].every((set) => set.size === 0)) this.#sets.delete(resource);
    }
  }

  #metric(resource: ResourceEntry, scope: string, metric: MetricData, arrival: number): void {
    if (metric.kind === 'summary') {
      this.#tally.reject(
        'summary points (a kind that OpenTelemetry keeps for old exporters)',
        metric.points.length,
      );
      return;
    }
    const time = metric.points[0]?.time ?? 0;
    if (time > 0 && time < resource.oldest) resource.oldest = time;
    const set = this.#set(resource, scope, metric);
    switch (metric.kind) {
      case 'gauge':
      case 'sum':
        this.#numbers(set, metric, arrival);
        break;
      case 'histogram':
        for (const [i, point] of metric.points.entries()) {
          if ((point.flags & NO_RECORDED_VALUE) === 0)
            this.#row(set, point.attributes, i, explicitRow(point, arrival));
        }
        break;
      case 'exponential_histogram':
        for (const [i, point] of metric.points.entries()) {
          if ((point.flags & NO_RECORDED_VALUE) === 0) {
            this.#row(set, point.attributes, i, exponentialRow(point, arrival));
          }
        }
        break;
    }
  }

  #numbers(set: SeriesSet, metric: NumberMetric, arrival: number): void {
    const points = metric.points;
    const entry = set.metric;
    let stored = 0;
    for (let i = 0; i < points.length; i++) {
      const point = points[i]!;
      if ((point.flags & NO_RECORDED_VALUE) !== 0) continue;
      const series = set.byBytes(point.attributes, i) ?? this.#meet(set, point.attributes);
      if (series === undefined) continue;
      const time = point.time === 0 ? arrival : point.time;
      if (time > series.lastTime) series.lastTime = time;
      else if (this.#known(series, time)) {
        this.#tally.duplicates.points++;
        continue;
      }
      let head = series.head as NumberHead | undefined;
      if (head === undefined || head.full) {
        if (head !== undefined) series.full.push(head);
        head = new NumberHead();
        series.head = head;
        this.dirty.add(series);
      }
      head.add(time, point.startTime, point.value);
      if (time > entry.lastSeen) entry.lastSeen = time;
      stored++;
    }
    this.weight += stored;
    this.#tally.appended.points += stored;
  }

  #row(set: SeriesSet, attributes: Uint8Array, position: number, row: HistogramRow): void {
    if (row.counts.length > LIMITS.histogramCounts) {
      this.#tally.reject(`histogram points with more than ${LIMITS.histogramCounts} buckets`);
      return;
    }
    const series = set.byBytes(attributes, position) ?? this.#meet(set, attributes);
    if (series === undefined) return;
    if (row.time > series.lastTime) series.lastTime = row.time;
    else if (this.#known(series, row.time)) {
      this.#tally.duplicates.points++;
      return;
    }
    let head = series.head as HistogramHead | undefined;
    if (head === undefined || head.full) {
      if (head !== undefined) series.full.push(head);
      head = new HistogramHead();
      series.head = head;
      this.dirty.add(series);
    }
    const before = head.weight;
    const newest = head.rows.at(-1);
    // Bounds hardly ever change: one array for all points spares memory, and comparing when sealing.
    if (newest !== undefined && sameNumbers(newest.layout, row.layout)) row.layout = newest.layout;
    head.add(row);
    this.weight += head.weight - before;
    if (row.time > set.metric.lastSeen) set.metric.lastSeen = row.time;
    this.#tally.appended.points++;
  }

  #set(resource: ResourceEntry, scope: string, metric: Exclude<MetricData, { kind: 'summary' }>): SeriesSet {
    let sets = this.#sets.get(resource.id);
    if (sets === undefined) {
      sets = new Map();
      this.#sets.set(resource.id, sets);
    }
    const monotonic = 'monotonic' in metric && metric.monotonic;
    const temporality = metric.kind === 'gauge' ? 'unspecified' : metric.temporality;
    const key = `${metric.name}\n${metric.kind}\n${metric.unit}\n${temporality}\n${monotonic}`;
    const scoped = `${key}\n${scope}`;
    let set = sets.get(scoped);
    if (set === undefined) {
      let entry = this.#metrics.get(key);
      if (entry === undefined) {
        entry = this.#loadMetric(metric, metric.kind, temporality, monotonic);
        this.#metrics.set(key, entry);
      }
      set = new SeriesSet(entry, resource, scope);
      sets.set(scoped, set);
    }
    return set;
  }

  #loadMetric(
    { name, unit, description }: { name: string; unit: string; description: string },
    kind: MetricKind,
    temporality: string,
    monotonic: boolean,
  ): MetricEntry {
    this.#rows.begin();
    const identity = [name, kind, unit, temporality, monotonic ? 1 : 0] as const;
    this.#rows
      .sql(
        'INSERT INTO metric (name, kind, unit, temporality, monotonic, description, last_seen) ' +
          'VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING',
      )
      .run(...identity, description);
    const row = this.#rows
      .sql(
        'SELECT id, last_seen FROM metric WHERE name = ? AND kind = ? AND unit = ? AND temporality = ? AND monotonic = ?',
      )
      .get(...identity) as { id: number; last_seen: number };
    return { id: row.id, name, kind, unit, temporality, monotonic, lastSeen: row.last_seen };
  }

  /** A series whose attribute bytes are new to this process; `undefined` when a limit refuses it. */
  #meet(set: SeriesSet, bytes: Uint8Array): Series | undefined {
    if (bytes.length > LIMITS.pointAttributeBytes) {
      this.#tally.reject(`points with more than ${LIMITS.pointAttributeBytes} bytes of attributes`);
      return undefined;
    }
    const attributes = decodeAttributes(bytes);
    if (Object.keys(attributes).length > LIMITS.pointAttributes) {
      this.#tally.reject(`points with more than ${LIMITS.pointAttributes} attributes`);
      return undefined;
    }
    const text = canonicalText(attributes);
    const series = set.byText(text) ?? this.#loadSeries(set, text);
    if (series !== undefined) set.learn(bytes, text, series);
    return series;
  }

  #loadSeries(set: SeriesSet, text: string): Series | undefined {
    const identity = [set.metric.id, set.resource.id, set.scope, text] as const;
    const known = this.#rows
      .sql('SELECT id FROM series WHERE metric = ? AND resource = ? AND scope = ? AND attributes = ?')
      .get(...identity) as { id: number } | undefined;
    const attributes = JSON.parse(text) as Record<string, unknown>;
    if (known !== undefined) {
      const tail = this.#rows
        .sql('SELECT id, n, t1 FROM chunk WHERE series = ? ORDER BY t1 DESC LIMIT 1')
        .get(known.id) as { id: number; n: number; t1: number } | undefined;
      return new Series(known.id, set.metric, set.resource, attributes, tail?.t1 ?? -Infinity, tail);
    }
    if (this.seriesCount >= this.#maxSeries) {
      this.#tally.reject(
        `points of new series (the limit of ${this.#maxSeries} series is reached; use fewer distinct attribute values)`,
      );
      return undefined;
    }
    this.#rows.begin();
    const { lastInsertRowid } = this.#rows
      .sql('INSERT INTO series (metric, resource, scope, attributes) VALUES (?, ?, ?, ?)')
      .run(...identity);
    this.seriesCount++;
    return new Series(Number(lastInsertRowid), set.metric, set.resource, attributes, -Infinity, undefined);
  }

  /** Whether a time that is not the newest is stored already: in a head, else in a sealed chunk. */
  #known(series: Series, time: number): boolean {
    if (series.holds(time)) return true;
    const chunks = this.#rows
      .sql('SELECT id FROM chunk WHERE series = ? AND t1 >= ? AND t0 <= ?')
      .all(series.id, time, time) as { id: number }[];
    return chunks.some(({ id }) => contains(this.#timesOf(id, series.metric.kind), time));
  }

  #timesOf(chunk: number, kind: MetricKind): Float64Array {
    let times = this.#sealedTimes.get(chunk);
    if (times === undefined) {
      const row = this.#rows.sql(`${SELECT_CHUNK} WHERE chunk.id = ?`).get(chunk) as unknown as ChunkRow;
      const head = decodeHead(kind, row);
      times =
        head instanceof NumberHead ? head.columns().time : Float64Array.from(head.rows, (row) => row.time);
      if (this.#sealedTimes.size >= CACHED_TIMES) {
        this.#sealedTimes.delete(this.#sealedTimes.keys().next().value!);
      }
      this.#sealedTimes.set(chunk, times);
    }
    return times;
  }
}

function explicitRow(point: HistogramPoint, arrival: number): HistogramRow {
  return {
    time: point.time === 0 ? arrival : point.time,
    start: point.startTime,
    count: point.count,
    sum: point.sum,
    min: point.min,
    max: point.max,
    layout: point.bounds,
    counts: point.counts,
  };
}

function exponentialRow(point: ExponentialHistogramPoint, arrival: number): HistogramRow {
  const { positive, negative } = point;
  return {
    time: point.time === 0 ? arrival : point.time,
    start: point.startTime,
    count: point.count,
    sum: point.sum,
    min: point.min,
    max: point.max,
    layout: [
      point.scale,
      point.zeroThreshold,
      negative.offset,
      negative.counts.length,
      positive.offset,
      positive.counts.length,
    ],
    counts: [...negative.counts.toReversed(), point.zeroCount, ...positive.counts],
  };
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function contains(sorted: Float64Array, time: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < time) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length && sorted[low] === time;
}
