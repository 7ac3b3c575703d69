/**
 * Shapes of the hub's JSON API (DESIGN: the hub's HTTP face). Times are milliseconds since the epoch. Inside the
 * hub a value is a plain number; on the wire non-finite numbers are the strings of `JsonNumber`.
 */
export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity';
/** Among the strings are the non-finite numbers of `JsonNumber`. */
export type JsonValue = string | boolean | null | number | JsonValue[] | { [key: string]: JsonValue };

/** `interrupted`: no end was recorded and nothing has come from the run's processes for a while, or a sync found its process gone. */
export type RunStatus = 'running' | 'finished' | 'failed' | 'killed' | 'interrupted';

export interface RunSummary {
  id: string;
  name: string;
  project: string;
  group: string | null;
  status: RunStatus;
  startedAt: number;
  /** Time of the newest record. */
  updatedAt: number;
  endedAt: number | null;
  /** Newest attempt, from 1. */
  attempt: number;
  worldSize: number;
  ranks: number[];
  /** Highest step number seen; null before the first step. */
  lastStep: number | null;
  /** Stored step records (a repeated step counts each time it was recorded, a resent record once). */
  steps: number;
  /** Step values that are NaN or infinite. */
  nonFinite: number;
  tags: Record<string, JsonValue>;
  /** Newest value of each key. */
  last: Record<string, RunValue>;
  serviceName: string;
}
export interface RunValue {
  value: JsonNumber;
  step: number | null;
  time: number;
}
export interface RunDetail extends RunSummary {
  params: Record<string, JsonValue>;
  source: Record<string, JsonValue>;
  summary: Record<string, JsonValue>;
  keys: RunKey[];
  notes: RunNote[];
  artifacts: RunArtifact[];
  /** How many histograms it has, of all ranks. */
  histograms: number;
  /** Records per rank: stored, highest `seq`, and how many below it are missing. */
  records: { rank: number; stored: number; highestSeq: number; missing: number; serviceInstanceId: string }[];
  /** What it runs on: the `host.*`, `os.*` and `process.runtime.*` of its lowest rank's resource. */
  machine: Record<string, JsonValue>;
  /**
   * What metrics and spans of the run's processes have in their resource: one of these values of one of these
   * attributes (`service.instance.id`, `llm.launch.id`).
   */
  processes: Record<string, string[]>;
  /** Where each experiment tracker stands that the run is forwarded to, rank by rank. */
  sinks: RunTracker[];
}
/** `in_process`: the run's own program forwards it there; the hub does not. */
export type RunTracker =
  | (SinkHealth & { rank: number })
  | { sink: string; rank: number; status: 'in_process' };

/**
 * Where the forwarding of a run to one tracker stands.
 * - `current`: the tracker has everything. `sending`: on the way.
 * - `unavailable`: down, slow or overloaded: tried again by and by. `refusing`: it refuses every record, or the run
 *   itself; `unauthorized`: it wants other credentials: both tried again rarely.
 * - `given_up`: not tried any more in this process (`onSinkError: warn`, or stopped); `llm-otel sync` does.
 */
export type SinkStatus = 'current' | 'sending' | 'unavailable' | 'refusing' | 'unauthorized' | 'given_up';

export interface SinkHealth {
  sink: string;
  /** Where it goes, without credentials. */
  target: string;
  /** Page of the run in the tracker. */
  url: string | null;
  status: SinkStatus;
  /** Everything up to this `seq` was taken or set aside; -1 for nothing. */
  acknowledged: number;
  /** Records that the tracker does not have yet. */
  lag: number;
  /** Records sent by this process. */
  sent: number;
  /** Calls that failed and were, or will be, made again. */
  retried: number;
  /** Records refused for good, in all; the newest with their reasons. */
  refused: number;
  refusals: { seq: number; message: string }[];
  /** System samples and console lines that were dropped, since the tracker could not take them in time. */
  dropped: number;
  lastError: string | null;
  /** Milliseconds since the epoch; null for never. */
  lastErrorAt: number | null;
  lastSentAt: number | null;
}
export interface RunKey {
  key: string;
  points: number;
  nonFinite: number;
  /** Finite minimum and maximum, and their steps; null without a finite value. */
  min: RunValue | null;
  max: RunValue | null;
  last: RunValue;
}
export interface RunNote {
  time: number;
  rank: number;
  severity: string;
  text: string;
}
export interface RunArtifact {
  time: number;
  rank: number;
  name: string;
  kind: string;
  path: string;
  size: number;
  sha256: string;
  metadata: Record<string, JsonValue>;
}

/** How values were distributed at a step of a run. */
export interface RunHistogram {
  /** Place among all histograms, by arrival: where to go on from. */
  id: number;
  rank: number;
  name: string;
  step: number | null;
  epoch: number | null;
  time: number;
  /** Rising; one more than `counts`. None when no value was finite. */
  edges: number[];
  counts: number[];
  /** Of the finite values; null where only bins were given. */
  min: number | null;
  max: number | null;
  sum: number | null;
  nan: number;
  positiveInfinity: number;
  negativeInfinity: number;
}
export interface RunHistogramsResponse {
  run: string;
  histograms: RunHistogram[];
  /** `after` of the next request; null when there are no more. */
  next: number | null;
}

export interface SeriesResponse {
  run: string;
  key: string;
  rank: number | null;
  x: 'step' | 'time' | 'relative';
  /** True when M4 left points out. */
  reduced: boolean;
  /** Points in the range before the reduction. */
  total: number;
  step: (number | null)[];
  time: number[];
  value: JsonNumber[];
  /** Every non-finite point of the range, never reduced away (capped; `nonFiniteTotal` counts all). */
  nonFinite: { step: number | null; time: number; value: JsonNumber }[];
  nonFiniteTotal: number;
}

export interface InstrumentInfo {
  name: string;
  kind: 'gauge' | 'sum' | 'histogram' | 'exponential_histogram' | 'summary';
  monotonic: boolean;
  temporality: 'cumulative' | 'delta' | null;
  unit: string;
  description: string;
  series: number;
  lastSeen: number;
}
export interface MetricSeries {
  attributes: Record<string, JsonValue>;
  resource: Record<string, JsonValue>;
  time: number[];
  value: JsonNumber[];
  total: number;
  reduced: boolean;
}
export interface MetricQueryResponse {
  name: string;
  unit: string;
  kind: InstrumentInfo['kind'];
  agg: MetricAggregation;
  from: number;
  to: number;
  series: MetricSeries[];
  /** Only for `mean` and the quantiles: how many values of the window they rest on. */
  count?: number;
  /** Only for `agg=histogram`: bucket counts of the window, all matching series merged; `min` and `max` where known. */
  histogram?: {
    bounds: number[];
    counts: number[];
    count: number;
    sum: JsonNumber;
    min?: number;
    max?: number;
  };
}
/** `value`: points as stored (gauge, sum). `rate`: increase per second, resets handled. `p50`...: quantiles over time. `mean`: sum / count over time. `histogram`: merged buckets of the window. */
export type MetricAggregation =
  | 'value'
  | 'rate'
  | 'increase'
  | 'mean'
  | 'p50'
  | 'p90'
  | 'p95'
  | 'p99'
  | 'histogram';

export interface SpanInfo {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified';
  startTime: number;
  durationMs: number;
  status: 'unset' | 'ok' | 'error';
  statusMessage: string;
  serviceName: string;
  attributes: Record<string, JsonValue>;
  resource: Record<string, JsonValue>;
  scope: string;
  events: { name: string; time: number; attributes: Record<string, JsonValue> }[];
  links: { traceId: string; spanId: string; attributes: Record<string, JsonValue> }[];
}
export interface TraceSummary {
  traceId: string;
  rootName: string;
  serviceName: string;
  startTime: number;
  durationMs: number;
  spans: number;
  errors: number;
}
export interface TraceResponse {
  traceId: string;
  spans: SpanInfo[];
}

/** Distribution of a duration, in seconds; null where there is no data. `count` says how far to trust a percentile. */
export interface Distribution {
  count: number;
  mean: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}
/** Names follow `vllm bench serve` where it has one. */
export interface PerformanceSummary {
  from: number;
  to: number;
  /** Seconds of the window in which there were data. */
  coverage: number;
  requests: { total: number; completed: number; length: number; error: number; aborted: number };
  requestThroughput: number | null;
  errorRate: number | null;
  errorTypes: Record<string, number>;
  duration: Distribution;
  ttft: Distribution;
  tpot: Distribution;
  queue: Distribution;
  tokens: { input: number; output: number; cached: number; reasoning: number };
  outputTokensPerSecond: number | null;
  /** Requests that met every configured objective, per second and as a share; null when no objective is configured. */
  goodput: { requestsPerSecond: number; ratio: number } | null;
  cpuPercent: number | null;
  memoryPercent: number | null;
  gpuMemoryUtilization: number | null;
  models: string[];
  /** Share of the measured requests within each objective that the hub is configured with, from the histograms. */
  objectives?: { name: 'ttft' | 'tpot' | 'duration'; seconds: number; attained: number | null }[];
}

/** Answer of `GET /api/tiles`. */
export interface TilesResponse {
  from: number;
  to: number;
  tiles: Tile[];
}

/** One catalogue key over the window: a tile. `delta` is `value` - the value one window earlier. */
export interface Tile {
  key: string;
  title: string;
  unit: string;
  better: 'lower' | 'higher' | 'none';
  help: string;
  value: JsonNumber | null;
  time: number | null;
  delta: number | null;
  /** Time of the value that `delta` compares with; of a gauge or a run younger than the window, its first in it. */
  since?: number | null;
  /** The run that a training key's value comes from. */
  run?: string | null;
  spark: { time: number[]; value: JsonNumber[] };
}

/** Payload of the `update` event of `GET /api/live`. */
export interface LiveUpdate {
  /** Grows with every change; a client that reconnects re-reads when it has missed some. */
  cursor: number;
  now: number;
  runs: RunSummary[];
  /** New points of the runs' series since the client's last update: key → columns. Absent when too many: re-read. */
  points: {
    run: string;
    key: string;
    rank: number;
    step: (number | null)[];
    time: number[];
    value: JsonNumber[];
  }[];
  tiles: Tile[];
  /** True when points were left out and the client must re-read its series. */
  resync: boolean;
}

/** Answer of `GET /api/settings`: what the page begins with when its address says nothing. */
export interface SettingsResponse {
  dashboard: {
    /** Whole seconds from 1 to 60. */
    refreshInterval: number;
    /** ms. */
    timeWindow: number;
    /** False: the page begins paused. */
    autoRefresh: boolean;
  };
}

export interface ApiError {
  error: { code: string; message: string };
}
