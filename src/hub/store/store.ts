import type {
  InstrumentInfo,
  RunDetail,
  RunHistogram,
  RunSummary,
  SeriesResponse,
  SpanInfo,
  TraceSummary,
} from '../../conventions/index.ts';
import type { OtlpRequest, PartialSuccess } from '../../otlp/model.ts';

/**
 * The one door to what the hub keeps. The page, alerts, reports and the API read only through it, so that a
 * second implementation (over VictoriaMetrics, ClickHouse ...) can stand behind it.
 *
 * An implementer must keep:
 * - `append` resolves only when the request is durable: a SIGKILL after that loses nothing of it.
 * - A run event is stored once per (`llm.run.id`, `llm.rank`, `llm.run.seq`), a span once per (trace id, span
 *   id), a metric point once per (series, time).
 * - Reads never block `append`, and see everything that `append` has resolved for.
 * - Values are exact doubles: NaN, infinities and -0 come back as they came in.
 */
export interface Store {
  /** `body` is the decompressed request as it came (the write-ahead record); `request` the same, decoded. */
  append(request: OtlpRequest, body: RequestBody): Promise<PartialSuccess>;

  runs(filter: {
    project?: string;
    status?: string;
    limit?: number;
  }): Promise<{ runs: RunSummary[]; total: number }>;
  run(id: string): Promise<RunDetail | undefined>;
  /**
   * A step series of a run. `maxPoints` 0 = every point, else M4 over `maxPoints / 4` columns of the x axis.
   * `undefined` when no rank of the run has the key; without points for a rank that has not recorded it.
   */
  series(query: SeriesQuery): Promise<SeriesResponse | undefined>;

  /** Histograms of a run that match, in the order of their `id`, those behind `after`. */
  runHistograms(query: RunHistogramQuery): Promise<RunHistogram[]>;

  instruments(): Promise<InstrumentInfo[]>;
  /**
   * Points of the number series of a metric that match, per series, oldest first; `maxPoints` as above, 0 = all.
   * Rejects with `AnswerTooLargeError` when that is more than fits in memory.
   */
  points(query: PointsQuery): Promise<NumberSeries[]>;
  /** Histogram points (explicit and exponential) of the series that match, oldest first. */
  histograms(query: HistogramQuery): Promise<HistogramSeries[]>;

  traces(query: TraceQuery): Promise<{ traces: TraceSummary[]; total: number }>;
  trace(traceId: string): Promise<SpanInfo[]>;

  /** Calls back (coalesced, at most a few times a second) after new data were stored. Returns the way to stop. */
  onChange(listener: (change: StoreChange) => void): () => void;
  /** Cursor of the newest step point that is stored: everything up to now is before it. */
  cursor(): number;
  /** New step points of runs since a cursor; `undefined` when it is too old to tell, or not of this start. */
  stepsSince(cursor: number, limit: number): Promise<StepsSince | undefined>;

  /** Drops what is older or larger than the retention allows. Runs by itself too. */
  retain(): Promise<void>;
  stats(): StoreStats;
  /** Seals what is buffered and closes; pending appends are finished first. */
  close(): Promise<void>;
}

export interface RequestBody {
  contentType: 'application/x-protobuf' | 'application/json';
  bytes: Uint8Array;
}

export interface SeriesQuery {
  run: string;
  key: string;
  /** One rank; all ranks merged in order of x when absent. */
  rank?: number;
  x: 'step' | 'time' | 'relative';
  /** Bounds on x, inclusive. */
  from?: number;
  to?: number;
  maxPoints: number;
}

export interface RunHistogramQuery {
  run: string;
  /** Of all ranks, and of any name, when absent. */
  rank?: number | undefined;
  name?: string | undefined;
  after: number;
  limit: number;
}

export interface MetricQuery {
  name: string;
  /** Exact matches against point attributes, then resource attributes (compared as strings). */
  where: Record<string, string>;
  /** Only series that have one of these values of one of these attributes; all when absent. */
  anyOf?: Readonly<Record<string, readonly string[]>>;
  from: number;
  to: number;
}
export interface HistogramQuery extends MetricQuery {
  /**
   * Thins what comes back to about a point in each of so many equal columns of the range (a column holds what lies
   * after its start, up to and with its end) such that no increase is lost: of cumulative histograms the last point
   * of a column and those beside a reset are kept; of delta histograms the points of a column are added up, where
   * their buckets are the same. Absent: every point.
   */
  columns?: number;
}
export interface PointsQuery extends MetricQuery {
  maxPoints: number;
  /**
   * Of sums: thins to what tells the increase in each of so many equal columns of the range, as
   * `HistogramQuery.columns` does; stands in for `maxPoints`, and loses no reset. Points that are not finite are left
   * out.
   */
  columns?: number;
  /** Also the newest point before `from` of each series (rates need it). */
  before?: boolean;
}
export interface SeriesIdentity {
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
  /** Time of the oldest point that is known of its resource, of any metric: since when the process reports, ms. */
  resourceSince?: number;
  unit: string;
  temporality: 'cumulative' | 'delta' | null;
  monotonic: boolean;
}
export interface NumberSeries extends SeriesIdentity {
  kind: 'gauge' | 'sum';
  time: Float64Array;
  /** Start of the cumulative or delta interval of each point, for resets; 0 = unknown. */
  start: Float64Array;
  value: Float64Array;
  total: number;
  reduced: boolean;
}
export interface StoredHistogram {
  start: number;
  time: number;
  count: number;
  sum: number | undefined;
  min: number | undefined;
  max: number | undefined;
  /** Explicit: bounds and counts (one more). Exponential histograms come with their buckets' bounds written out. */
  bounds: number[];
  counts: number[];
}
export interface HistogramSeries extends SeriesIdentity {
  kind: 'histogram' | 'exponential_histogram';
  /** With the newest point before `from` first, when there is one (cumulative histograms need it). */
  points: StoredHistogram[];
}
export interface TraceQuery {
  from?: number;
  to?: number;
  service?: string;
  /** Substring of any span name of the trace. */
  name?: string;
  minDurationMs?: number;
  errors?: boolean;
  limit: number;
  /** Exact matches against attributes of any span of the trace, compared as strings. */
  where?: Record<string, string>;
}

export interface StoreChange {
  cursor: number;
  runs: string[];
  metrics: boolean;
  traces: boolean;
}
export interface StepsSince {
  cursor: number;
  /** True when `limit` cut the list. */
  truncated: boolean;
  points: {
    run: string;
    key: string;
    rank: number;
    step: (number | null)[];
    time: number[];
    value: number[];
  }[];
}

export interface StoreStats {
  /** Since the start of this process. */
  appended: { requests: number; points: number; spans: number; logRecords: number; runRecords: number };
  duplicates: { points: number; spans: number; runRecords: number; logRecords: number };
  /** By reason: series limit, attribute limit, ... */
  rejected: Record<string, number>;
  series: number;
  bytesOnDisk: number;
  /** Requests accepted but not yet sealed into chunks. */
  unsealedBytes: number;
}

export interface StoreOptions {
  dataDir: string;
  /** Milliseconds; default 30 days. */
  retentionMs?: number;
  /** Bytes of the whole store; default 4 GiB. */
  maxBytes?: number;
  /** Most series of metrics; default 100,000. */
  maxSeries?: number;
  /** Silence after which a run without an end is shown as interrupted, ms; default 60,000. */
  interruptedAfterMs?: number;
  /**
   * When a request counts as durable. `power-loss` (default): when the disk says so (fsync, shared by all requests
   * that wait). `process`: when the operating system has it; survives SIGKILL, not a power cut.
   */
  durability?: 'power-loss' | 'process';
  /** Unsealed points at which they are sealed into chunks; default 1,000,000. */
  sealPoints?: number;
  /** Wall clock, ms since the epoch. */
  now?: () => number;
  log?: (level: 'info' | 'warn' | 'error', message: string) => void;
}
