import type {
  InstrumentInfo,
  RunDetail,
  RunHistogram,
  RunSummary,
  SpanInfo,
  TraceSummary,
} from '../../src/conventions/index.ts';
import { seriesFilter } from '../../src/hub/store/series-filter.ts';
import type {
  HistogramSeries,
  NumberSeries,
  StepsSince,
  Store,
  StoreChange,
  StoredHistogram,
} from '../../src/hub/store/store.ts';

/** What a run's detail has and its summary has not. */
const DETAILS = [
  'params',
  'source',
  'summary',
  'keys',
  'notes',
  'artifacts',
  'histograms',
  'records',
  'machine',
  'processes',
  'sinks',
] as const;

/** A store in memory, to test what reads through the interface. Nothing is reduced. */
export class FakeStore implements Store {
  numbers: (NumberSeries & { name: string })[] = [];
  histogramSeries: (HistogramSeries & { name: string })[] = [];
  details: RunDetail[] = [];
  /** Of every run. */
  runHistogramRows: RunHistogram[] = [];
  stepSeries: Record<string, { step: (number | null)[]; time: number[]; value: number[] }> = {};
  spans: SpanInfo[] = [];
  steps: StepsSince['points'] = [];
  /** As in the embedded store, cursors do not begin at 0, and those from before the start are too old. */
  newest = 100;
  oldestCursor = 100;
  reads = { points: 0, histograms: 0, runs: 0, steps: 0 };
  failing: Error | undefined;
  closed = false;
  #listeners = new Set<(change: StoreChange) => void>();

  change(change: Partial<StoreChange> = {}): void {
    this.newest += 1;
    for (const listener of this.#listeners)
      listener({ cursor: this.newest, runs: [], metrics: false, traces: false, ...change });
  }

  append() {
    return Promise.resolve({ rejected: 0, message: '' });
  }

  async runs({ project, status, limit = Infinity }: { project?: string; status?: string; limit?: number }) {
    this.reads.runs++;
    if (this.failing) throw this.failing;
    const all = this.details
      .filter(
        (run) =>
          (project === undefined || run.project === project) &&
          (status === undefined || run.status === status),
      )
      .sort((a, b) => b.startedAt - a.startedAt);
    const runs = all.slice(0, limit).map((detail) => {
      const run: Partial<RunDetail> = { ...detail };
      for (const name of DETAILS) delete run[name];
      return run as RunSummary;
    });
    return { runs, total: all.length };
  }

  async run(id: string) {
    if (this.failing) throw this.failing;
    return this.details.find((run) => run.id === id);
  }

  async series({ run, key, rank, x, from = -Infinity, to = Infinity }: Parameters<Store['series']>[0]) {
    const found = this.stepSeries[`${run} ${key}`];
    if (!found) return undefined;
    const at = x === 'step' ? found.step : found.time;
    const kept = at.map((_, i) => i).filter((i) => (at[i] ?? 0) >= from && (at[i] ?? 0) <= to);
    const pick = <T>(column: T[]) => kept.map((i) => column[i] as T);
    return {
      run,
      key,
      rank: rank ?? null,
      x,
      reduced: false,
      total: kept.length,
      step: pick(found.step),
      time: pick(found.time),
      value: pick(found.value),
      nonFinite: [],
      nonFiniteTotal: 0,
    };
  }

  async runHistograms({ run, rank, name, after, limit }: Parameters<Store['runHistograms']>[0]) {
    if (!this.details.some(({ id }) => id === run)) return [];
    return this.runHistogramRows
      .filter((one) => one.id > after && (rank ?? one.rank) === one.rank && (name ?? one.name) === one.name)
      .slice(0, limit);
  }

  async instruments(): Promise<InstrumentInfo[]> {
    if (this.failing) throw this.failing;
    const all = [...this.numbers, ...this.histogramSeries];
    return [...new Set(all.map(({ name }) => name))].map((name) => {
      const of = all.filter((series) => series.name === name);
      const { kind, monotonic, temporality, unit } = of[0] as (typeof all)[number];
      return { name, kind, monotonic, temporality, unit, description: '', series: of.length, lastSeen: 0 };
    });
  }

  async points(query: Parameters<Store['points']>[0]): Promise<NumberSeries[]> {
    const { name, from, to, before } = query;
    this.reads.points++;
    if (this.failing) throw this.failing;
    const wanted = seriesFilter(query);
    return this.numbers
      .filter((series) => series.name === name && wanted(series.attributes, series.resource))
      .map((series) => {
        const times = [...series.time];
        const first = times.findIndex((time) => time >= from);
        const begin = first < 0 ? times.length : first;
        const end = times.filter((time) => time <= to).length;
        const cut = (column: Float64Array) => column.slice(before && begin > 0 ? begin - 1 : begin, end);
        return {
          ...series,
          time: cut(series.time),
          start: cut(series.start),
          value: cut(series.value),
          total: end - begin,
          reduced: false,
        };
      })
      .filter((series) => series.time.length > 0);
  }

  async histograms(query: Parameters<Store['histograms']>[0]): Promise<HistogramSeries[]> {
    const { name, from, to } = query;
    const wanted = seriesFilter(query);
    this.reads.histograms++;
    return this.histogramSeries
      .filter((series) => series.name === name && wanted(series.attributes, series.resource))
      .map((series) => {
        const before = series.points.filter((point) => point.time < from).slice(-1);
        const within = series.points.filter((point) => point.time >= from && point.time <= to);
        return { ...series, points: [...before, ...within] };
      })
      .filter((series) => series.points.length > 0);
  }

  async traces(): Promise<{ traces: TraceSummary[]; total: number }> {
    return { traces: [], total: 0 };
  }
  async trace(traceId: string) {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  onChange(listener: (change: StoreChange) => void) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  cursor() {
    return this.newest;
  }
  async stepsSince(cursor: number, limit: number): Promise<StepsSince | undefined> {
    this.reads.steps++;
    if (this.failing) throw this.failing;
    if (cursor < this.oldestCursor || cursor > this.newest) return undefined;
    const points = cursor < this.newest ? this.steps : [];
    const count = points.reduce((sum, { time }) => sum + time.length, 0);
    return { cursor: this.newest, truncated: count > limit, points };
  }

  async retain() {}
  stats() {
    return {
      appended: { requests: 1, points: 2, spans: 3, logRecords: 4, runRecords: 5 },
      duplicates: { points: 0, spans: 0, runRecords: 0, logRecords: 0 },
      rejected: { 'a "quoted"\\reason\nof two lines': 7 },
      series: 1,
      bytesOnDisk: 10,
      unsealedBytes: 0,
    };
  }
  async close() {
    this.closed = true;
  }
}

type Attributes = Record<string, unknown>;
const RESOURCE = { 'service.name': 'test', 'service.instance.id': 'one' };

/** A series of points `[time, value, start?]`. */
export function numberSeries(
  name: string,
  points: readonly (readonly [time: number, value: number, start?: number])[],
  over: Partial<NumberSeries> = {},
  attributes: Attributes = {},
): NumberSeries & { name: string } {
  return {
    name,
    attributes,
    resource: RESOURCE,
    unit: '1',
    temporality: 'cumulative',
    monotonic: true,
    kind: 'sum',
    time: Float64Array.from(points, ([time]) => time),
    value: Float64Array.from(points, ([, value]) => value),
    start: Float64Array.from(points, ([, , start]) => start ?? 0),
    total: points.length,
    reduced: false,
    ...over,
  };
}

export function gauge(
  name: string,
  points: readonly (readonly [number, number])[],
  attributes: Attributes = {},
) {
  return numberSeries(name, points, { kind: 'gauge', monotonic: false, temporality: null }, attributes);
}

export function histogramSeries(
  name: string,
  points: readonly (Partial<StoredHistogram> & { time: number; counts: number[] })[],
  bounds: number[],
  attributes: Attributes = {},
  over: Partial<HistogramSeries> = {},
): HistogramSeries & { name: string } {
  return {
    name,
    attributes,
    resource: RESOURCE,
    unit: 's',
    temporality: 'cumulative',
    monotonic: true,
    kind: 'histogram',
    points: points.map((point) => ({
      start: 0,
      count: point.counts.reduce((a, b) => a + b, 0),
      sum: undefined,
      min: undefined,
      max: undefined,
      bounds,
      ...point,
    })),
    ...over,
  };
}

export function runDetail(id: string, over: Partial<RunDetail> = {}): RunDetail {
  return {
    id,
    name: id,
    project: 'demo',
    group: null,
    status: 'running',
    startedAt: 1000,
    updatedAt: 2000,
    endedAt: null,
    attempt: 1,
    worldSize: 1,
    ranks: [0],
    lastStep: 2,
    steps: 3,
    nonFinite: 1,
    tags: { team: 'a' },
    last: { 'train/loss': { value: 0.5, step: 2, time: 2000 } },
    serviceName: 'test',
    params: { lr: 0.1, bad: Number.NaN },
    source: {},
    summary: {},
    keys: [
      {
        key: 'train/loss',
        points: 3,
        nonFinite: 1,
        min: { value: 0.5, step: 2, time: 2000 },
        max: null,
        last: { value: 0.5, step: 2, time: 2000 },
      },
    ],
    notes: [{ time: 1500, rank: 0, severity: 'info', text: 'hello' }],
    artifacts: [],
    histograms: 0,
    records: [{ rank: 0, stored: 4, highestSeq: 3, missing: 0, serviceInstanceId: 'one' }],
    machine: { 'host.name': 'node-1' },
    processes: { 'service.instance.id': ['one'] },
    sinks: [],
    ...over,
  };
}
