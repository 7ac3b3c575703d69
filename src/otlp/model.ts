/**
 * OTLP requests as plain objects, as little as the hub needs and nothing lost that it keeps.
 * Source of the wire form: opentelemetry-proto 1.11 (collector service requests, common, resource, metrics,
 * trace, logs).
 *
 * Attribute sets of metric points stay in wire form (`Uint8Array` of `KeyValue` messages, each with its field
 * tag and length as in the request): the store recognises a series by these bytes and decodes them only when it
 * has not seen them. A JSON request gets the same bytes from the encoder.
 */
export type AttributeValue =
  | string
  | boolean
  | number
  | bigint
  | null
  | Uint8Array
  | AttributeValue[]
  | { [key: string]: AttributeValue };
/** Decoded attributes. `Object.create(null)`-safe: built as a Map-like plain object without prototype. */
export type Attributes = Record<string, AttributeValue>;

export interface Scope {
  name: string;
  version: string;
  attributes: Attributes;
}
export interface Resource {
  attributes: Attributes;
}

export type Temporality = 'unspecified' | 'delta' | 'cumulative';
export type MetricData = NumberMetric | HistogramMetric | ExponentialHistogramMetric | SummaryMetric;
interface MetricBase {
  name: string;
  description: string;
  unit: string;
}
export interface NumberMetric extends MetricBase {
  kind: 'gauge' | 'sum';
  temporality: Temporality;
  monotonic: boolean;
  points: NumberPoint[];
}
export interface NumberPoint {
  attributes: Uint8Array;
  /** Milliseconds since the epoch with the fraction that a double holds (about 0.25 us); 0 = unset. */
  startTime: number;
  time: number;
  value: number;
  /** OTLP data point flags; bit 0 = no recorded value. */
  flags: number;
}
export interface HistogramMetric extends MetricBase {
  kind: 'histogram';
  temporality: Temporality;
  points: HistogramPoint[];
}
export interface HistogramPoint {
  attributes: Uint8Array;
  startTime: number;
  time: number;
  count: number;
  sum: number | undefined;
  min: number | undefined;
  max: number | undefined;
  /** Ascending upper bounds; `counts` has one more entry. Both empty when the sender gave no buckets. */
  bounds: number[];
  counts: number[];
  flags: number;
}
export interface ExponentialHistogramMetric extends MetricBase {
  kind: 'exponential_histogram';
  temporality: Temporality;
  points: ExponentialHistogramPoint[];
}
export interface ExponentialHistogramPoint {
  attributes: Uint8Array;
  startTime: number;
  time: number;
  count: number;
  sum: number | undefined;
  min: number | undefined;
  max: number | undefined;
  scale: number;
  zeroCount: number;
  zeroThreshold: number;
  positive: { offset: number; counts: number[] };
  negative: { offset: number; counts: number[] };
  flags: number;
}
export interface SummaryMetric extends MetricBase {
  kind: 'summary';
  points: SummaryPoint[];
}
export interface SummaryPoint {
  attributes: Uint8Array;
  startTime: number;
  time: number;
  count: number;
  sum: number;
  quantiles: { quantile: number; value: number }[];
  flags: number;
}

export interface MetricsRequest {
  signal: 'metrics';
  resourceMetrics: { resource: Resource; scopeMetrics: { scope: Scope; metrics: MetricData[] }[] }[];
}

export interface Span {
  /** Lower-case hex; `parentSpanId` is empty for a root. */
  traceId: string;
  spanId: string;
  parentSpanId: string;
  traceState: string;
  flags: number;
  name: string;
  /** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  attributes: Attributes;
  events: { name: string; timeUnixNano: bigint; attributes: Attributes }[];
  links: { traceId: string; spanId: string; traceState: string; attributes: Attributes }[];
  /** 0 unset, 1 ok, 2 error. */
  status: { code: number; message: string };
}
export interface TracesRequest {
  signal: 'traces';
  resourceSpans: { resource: Resource; scopeSpans: { scope: Scope; spans: Span[] }[] }[];
}

export interface LogRecord {
  timeUnixNano: bigint;
  observedTimeUnixNano: bigint;
  severityNumber: number;
  severityText: string;
  eventName: string;
  body: AttributeValue;
  attributes: Attributes;
  traceId: string;
  spanId: string;
  flags: number;
}
export interface LogsRequest {
  signal: 'logs';
  resourceLogs: { resource: Resource; scopeLogs: { scope: Scope; logRecords: LogRecord[] }[] }[];
}

export type OtlpRequest = MetricsRequest | TracesRequest | LogsRequest;
export type Signal = OtlpRequest['signal'];

/** What a store did not take; the rest was taken (OTLP partial success). */
export interface PartialSuccess {
  rejected: number;
  message: string;
}
