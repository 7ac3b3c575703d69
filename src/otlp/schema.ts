/**
 * The messages of OTLP as tables: one row a field, read by all four codecs (protobuf and JSON, both ways).
 * Source of field numbers and JSON names: opentelemetry-proto 1.11 (common, resource, metrics, trace, logs and
 * the collector's Export*ServiceRequest). Fields that the model does not keep (schema_url, exemplars, dropped
 * counts, entity refs) have no row and are skipped like unknown ones.
 */
import { MESSAGE_WEIGHT, NUMBER_POINT_WEIGHT } from './limits.ts';
import type { Temporality } from './model.ts';

/** How a field looks on the wire and what it becomes in the model. */
export type FieldType =
  | 'string'
  | 'bool'
  /** uint32 varint. */
  | 'uint32'
  /** Enum: a varint; JSON takes the number or one of `names`. */
  | 'enum'
  /** AggregationTemporality, as its word in the model. */
  | 'temporality'
  /** Zigzag varint. */
  | 'sint32'
  | 'fixed32'
  | 'double'
  /** Double with presence: `undefined` when unset. */
  | 'optionalDouble'
  /** sfixed64, becomes a number (rounded beyond 2^53). */
  | 'sfixed64'
  /** fixed64 counter, becomes a number (rounded beyond 2^53). */
  | 'fixed64'
  /** fixed64 of nanoseconds, kept exact as a bigint. */
  | 'nanoseconds'
  /** fixed64 of nanoseconds, becomes milliseconds with the fraction that a double holds. */
  | 'milliseconds'
  /** Trace or span id: bytes on the wire, hex in JSON and in the model; all zeros = unset = ''. */
  | 'id'
  | 'doubles'
  | 'fixed64s'
  /** Repeated uint64 varints. */
  | 'uint64s'
  | 'any'
  /** Repeated KeyValue, decoded. */
  | 'attributes'
  /** Repeated KeyValue, kept as wire bytes. */
  | 'rawAttributes'
  | 'message'
  | 'messages';

export interface Field {
  number: number;
  /** lowerCamelCase name in OTLP JSON. */
  json: string;
  /** Property of the model. */
  key: string;
  type: FieldType;
  message?: Message;
  /** Enum names by value. */
  names?: readonly string[];
  /** Bytes of an id. */
  size?: number;
  /** Read but never written: the second member of a oneof that shares one property. */
  readOnly?: boolean;
  /** Member of a oneof: written even when it is zero. */
  always?: boolean;
}

export interface Message {
  /** Name in the .proto files, for error messages. */
  name: string;
  /** What one costs of `MAX_ITEMS`. */
  weight: number;
  /** A fresh object with every default, so that all objects of a message have one shape. */
  make: () => Record<string, unknown>;
  fields: readonly Field[];
  /** Fields by number. */
  byNumber: readonly (Field | undefined)[];
}

type FieldOptions = Partial<Pick<Field, 'message' | 'names' | 'size' | 'readOnly' | 'always'>>;

function field(
  number: number,
  json: string,
  key: string,
  type: FieldType,
  options: FieldOptions = {},
): Field {
  return { number, json, key, type, ...options };
}

function message(
  name: string,
  make: () => Record<string, unknown>,
  fields: readonly Field[],
  weight = MESSAGE_WEIGHT,
): Message {
  const byNumber: (Field | undefined)[] = [];
  for (const row of fields) byNumber[row.number] = row;
  for (let i = 0; i < byNumber.length; i++) byNumber[i] ??= undefined;
  return { name, weight, make, fields, byNumber };
}

/** Shared by every point without attributes. */
export const NO_BYTES = new Uint8Array(0);
const noAttributes = (): Record<string, unknown> => Object.create(null) as Record<string, unknown>;

// common.proto, resource.proto. The value kinds of AnyValue are read and written by any-value*.ts.
export const ANY_VALUE = {
  stringValue: 1,
  boolValue: 2,
  intValue: 3,
  doubleValue: 4,
  arrayValue: 5,
  kvlistValue: 6,
  bytesValue: 7,
} as const;
export const KEY_VALUE = { key: 1, value: 2 } as const;
/** The one field of ArrayValue and of KeyValueList. */
export const LIST_VALUES = 1;

export const RESOURCE = message('Resource', () => ({ attributes: noAttributes() }), [
  field(1, 'attributes', 'attributes', 'attributes'),
]);
export const SCOPE = message(
  'InstrumentationScope',
  () => ({ name: '', version: '', attributes: noAttributes() }),
  [
    field(1, 'name', 'name', 'string'),
    field(2, 'version', 'version', 'string'),
    field(3, 'attributes', 'attributes', 'attributes'),
  ],
);

// metrics.proto
export const TEMPORALITIES: readonly Temporality[] = ['unspecified', 'delta', 'cumulative'];
export const TEMPORALITY_NAMES = [
  'AGGREGATION_TEMPORALITY_UNSPECIFIED',
  'AGGREGATION_TEMPORALITY_DELTA',
  'AGGREGATION_TEMPORALITY_CUMULATIVE',
];

export const NUMBER_POINT = message(
  'NumberDataPoint',
  () => ({ attributes: NO_BYTES, startTime: 0, time: 0, value: 0, flags: 0 }),
  [
    field(7, 'attributes', 'attributes', 'rawAttributes'),
    field(2, 'startTimeUnixNano', 'startTime', 'milliseconds'),
    field(3, 'timeUnixNano', 'time', 'milliseconds'),
    field(6, 'asInt', 'value', 'sfixed64', { readOnly: true }),
    field(4, 'asDouble', 'value', 'double', { always: true }),
    field(8, 'flags', 'flags', 'uint32'),
  ],
  NUMBER_POINT_WEIGHT,
);
const HISTOGRAM_POINT = message(
  'HistogramDataPoint',
  () => ({
    attributes: NO_BYTES,
    startTime: 0,
    time: 0,
    count: 0,
    sum: undefined,
    min: undefined,
    max: undefined,
    bounds: [],
    counts: [],
    flags: 0,
  }),
  [
    field(9, 'attributes', 'attributes', 'rawAttributes'),
    field(2, 'startTimeUnixNano', 'startTime', 'milliseconds'),
    field(3, 'timeUnixNano', 'time', 'milliseconds'),
    field(4, 'count', 'count', 'fixed64'),
    field(5, 'sum', 'sum', 'optionalDouble'),
    field(6, 'bucketCounts', 'counts', 'fixed64s'),
    field(7, 'explicitBounds', 'bounds', 'doubles'),
    field(10, 'flags', 'flags', 'uint32'),
    field(11, 'min', 'min', 'optionalDouble'),
    field(12, 'max', 'max', 'optionalDouble'),
  ],
);
const EXPONENTIAL_BUCKETS = message(
  'ExponentialHistogramDataPoint.Buckets',
  () => ({ offset: 0, counts: [] }),
  [field(1, 'offset', 'offset', 'sint32'), field(2, 'bucketCounts', 'counts', 'uint64s')],
);
const EXPONENTIAL_POINT = message(
  'ExponentialHistogramDataPoint',
  () => ({
    attributes: NO_BYTES,
    startTime: 0,
    time: 0,
    count: 0,
    sum: undefined,
    min: undefined,
    max: undefined,
    scale: 0,
    zeroCount: 0,
    zeroThreshold: 0,
    positive: { offset: 0, counts: [] },
    negative: { offset: 0, counts: [] },
    flags: 0,
  }),
  [
    field(1, 'attributes', 'attributes', 'rawAttributes'),
    field(2, 'startTimeUnixNano', 'startTime', 'milliseconds'),
    field(3, 'timeUnixNano', 'time', 'milliseconds'),
    field(4, 'count', 'count', 'fixed64'),
    field(5, 'sum', 'sum', 'optionalDouble'),
    field(6, 'scale', 'scale', 'sint32'),
    field(7, 'zeroCount', 'zeroCount', 'fixed64'),
    field(8, 'positive', 'positive', 'message', { message: EXPONENTIAL_BUCKETS }),
    field(9, 'negative', 'negative', 'message', { message: EXPONENTIAL_BUCKETS }),
    field(10, 'flags', 'flags', 'uint32'),
    field(12, 'min', 'min', 'optionalDouble'),
    field(13, 'max', 'max', 'optionalDouble'),
    field(14, 'zeroThreshold', 'zeroThreshold', 'double'),
  ],
);
const QUANTILE = message('SummaryDataPoint.ValueAtQuantile', () => ({ quantile: 0, value: 0 }), [
  field(1, 'quantile', 'quantile', 'double'),
  field(2, 'value', 'value', 'double'),
]);
const SUMMARY_POINT = message(
  'SummaryDataPoint',
  () => ({ attributes: NO_BYTES, startTime: 0, time: 0, count: 0, sum: 0, quantiles: [], flags: 0 }),
  [
    field(7, 'attributes', 'attributes', 'rawAttributes'),
    field(2, 'startTimeUnixNano', 'startTime', 'milliseconds'),
    field(3, 'timeUnixNano', 'time', 'milliseconds'),
    field(4, 'count', 'count', 'fixed64'),
    field(5, 'sum', 'sum', 'double'),
    field(6, 'quantileValues', 'quantiles', 'messages', { message: QUANTILE }),
    field(8, 'flags', 'flags', 'uint32'),
  ],
);

const points = (point: Message): Field => field(1, 'dataPoints', 'points', 'messages', { message: point });
const temporality = field(2, 'aggregationTemporality', 'temporality', 'temporality');
const numberData = (): Record<string, unknown> => ({
  temporality: 'unspecified',
  monotonic: false,
  points: [],
});
const histogramData = (): Record<string, unknown> => ({ temporality: 'unspecified', points: [] });

/** The members of the oneof `Metric.data`; a metric of the model holds its member's fields flat. */
export const METRIC_DATA = [
  { number: 5, json: 'gauge', kind: 'gauge', message: message('Gauge', numberData, [points(NUMBER_POINT)]) },
  {
    number: 7,
    json: 'sum',
    kind: 'sum',
    message: message('Sum', numberData, [
      points(NUMBER_POINT),
      temporality,
      field(3, 'isMonotonic', 'monotonic', 'bool'),
    ]),
  },
  {
    number: 9,
    json: 'histogram',
    kind: 'histogram',
    message: message('Histogram', histogramData, [points(HISTOGRAM_POINT), temporality]),
  },
  {
    number: 10,
    json: 'exponentialHistogram',
    kind: 'exponential_histogram',
    message: message('ExponentialHistogram', histogramData, [points(EXPONENTIAL_POINT), temporality]),
  },
  {
    number: 11,
    json: 'summary',
    kind: 'summary',
    message: message('Summary', () => ({ points: [] }), [points(SUMMARY_POINT)]),
  },
] as const;

/** Name, description and unit; the data come from METRIC_DATA. The codecs treat this message by name. */
export const METRIC = message('Metric', () => ({ name: '', description: '', unit: '' }), [
  field(1, 'name', 'name', 'string'),
  field(2, 'description', 'description', 'string'),
  field(3, 'unit', 'unit', 'string'),
]);

// trace.proto
const SPAN_KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const EVENT = message('Span.Event', () => ({ name: '', timeUnixNano: 0n, attributes: noAttributes() }), [
  field(1, 'timeUnixNano', 'timeUnixNano', 'nanoseconds'),
  field(2, 'name', 'name', 'string'),
  field(3, 'attributes', 'attributes', 'attributes'),
]);
const LINK = message(
  'Span.Link',
  () => ({ traceId: '', spanId: '', traceState: '', attributes: noAttributes() }),
  [
    field(1, 'traceId', 'traceId', 'id', { size: 16 }),
    field(2, 'spanId', 'spanId', 'id', { size: 8 }),
    field(3, 'traceState', 'traceState', 'string'),
    field(4, 'attributes', 'attributes', 'attributes'),
  ],
);
const STATUS = message('Status', () => ({ code: 0, message: '' }), [
  field(2, 'message', 'message', 'string'),
  field(3, 'code', 'code', 'enum', { names: ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'] }),
]);
const SPAN = message(
  'Span',
  () => ({
    traceId: '',
    spanId: '',
    parentSpanId: '',
    traceState: '',
    flags: 0,
    name: '',
    kind: 0,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    attributes: noAttributes(),
    events: [],
    links: [],
    status: { code: 0, message: '' },
  }),
  [
    field(1, 'traceId', 'traceId', 'id', { size: 16 }),
    field(2, 'spanId', 'spanId', 'id', { size: 8 }),
    field(3, 'traceState', 'traceState', 'string'),
    field(4, 'parentSpanId', 'parentSpanId', 'id', { size: 8 }),
    field(5, 'name', 'name', 'string'),
    field(6, 'kind', 'kind', 'enum', { names: SPAN_KINDS.map((kind) => `SPAN_KIND_${kind}`) }),
    field(7, 'startTimeUnixNano', 'startTimeUnixNano', 'nanoseconds'),
    field(8, 'endTimeUnixNano', 'endTimeUnixNano', 'nanoseconds'),
    field(9, 'attributes', 'attributes', 'attributes'),
    field(11, 'events', 'events', 'messages', { message: EVENT }),
    field(13, 'links', 'links', 'messages', { message: LINK }),
    field(15, 'status', 'status', 'message', { message: STATUS }),
    field(16, 'flags', 'flags', 'fixed32'),
  ],
);

// logs.proto
const SEVERITY_NAMES = [
  'SEVERITY_NUMBER_UNSPECIFIED',
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((level) =>
    ['', '2', '3', '4'].map((step) => `SEVERITY_NUMBER_${level}${step}`),
  ),
];
const LOG_RECORD = message(
  'LogRecord',
  () => ({
    timeUnixNano: 0n,
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: '',
    eventName: '',
    body: null,
    attributes: noAttributes(),
    traceId: '',
    spanId: '',
    flags: 0,
  }),
  [
    field(1, 'timeUnixNano', 'timeUnixNano', 'nanoseconds'),
    field(2, 'severityNumber', 'severityNumber', 'enum', { names: SEVERITY_NAMES }),
    field(3, 'severityText', 'severityText', 'string'),
    field(5, 'body', 'body', 'any'),
    field(6, 'attributes', 'attributes', 'attributes'),
    field(8, 'flags', 'flags', 'fixed32'),
    field(9, 'traceId', 'traceId', 'id', { size: 16 }),
    field(10, 'spanId', 'spanId', 'id', { size: 8 }),
    field(11, 'observedTimeUnixNano', 'observedTimeUnixNano', 'nanoseconds'),
    field(12, 'eventName', 'eventName', 'string'),
  ],
);

/** Request → resource → scope → item, the same three levels for every signal. */
function request(name: string, word: string, key: string, items: string, item: Message): Message {
  const scopes = `scope${word}`;
  const scopeItems = message(
    `Scope${word}`,
    () => ({ scope: { name: '', version: '', attributes: noAttributes() }, [items]: [] }),
    [
      field(1, 'scope', 'scope', 'message', { message: SCOPE }),
      field(2, items, items, 'messages', { message: item }),
    ],
  );
  const resourceItems = message(
    `Resource${word}`,
    () => ({ resource: { attributes: noAttributes() }, [scopes]: [] }),
    [
      field(1, 'resource', 'resource', 'message', { message: RESOURCE }),
      field(2, scopes, scopes, 'messages', { message: scopeItems }),
    ],
  );
  const resources = `resource${word}`;
  return message(name, () => ({ signal: key, [resources]: [] }), [
    field(1, resources, resources, 'messages', { message: resourceItems }),
  ]);
}

/** Export*ServiceRequest of each signal. */
export const REQUEST = {
  metrics: request('ExportMetricsServiceRequest', 'Metrics', 'metrics', 'metrics', METRIC),
  traces: request('ExportTraceServiceRequest', 'Spans', 'traces', 'spans', SPAN),
  logs: request('ExportLogsServiceRequest', 'Logs', 'logs', 'logRecords', LOG_RECORD),
} as const;
