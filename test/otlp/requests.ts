/** Arbitrary OTLP requests as the model holds them. */
import * as fc from 'fast-check';
import type { Attributes, AttributeValue, OtlpRequest } from '../../src/otlp/index.ts';
import { encodeAttributes } from '../../src/otlp/index.ts';

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 60 }));
const key = fc.oneof(fc.constantFrom('a', 'gpu.index', '__proto__', 'constructor', '0', ''), text);
const count = fc.nat();
const double = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1, 5e-324),
);
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const nanos = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
/** Milliseconds that a double holds and that survive the way over whole nanoseconds: steps of 1/4 microsecond. */
const millis = fc.integer({ min: 0, max: 2 ** 43 }).map((quarter) => 1_700_000_000_000 + quarter / 4096);

function nullProto<T>(entries: [string, T][]): Record<string, T> {
  const object = Object.create(null) as Record<string, T>;
  for (const [name, value] of entries) object[name] = value;
  return object;
}

const bigIntAttribute = fc
  .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  .filter((value) => !Number.isSafeInteger(Number(value)));
/** Doubles that are whole and safe come back the same, as numbers. */
const value = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.boolean(),
    double,
    fc.maxSafeInteger(),
    bigIntAttribute,
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(nullProto),
  ),
})).value;

export const attributes: fc.Arbitrary<Attributes> = fc
  .array(fc.tuple(key, value), { maxLength: 5 })
  .map(nullProto);
const raw = (field: number): fc.Arbitrary<Uint8Array> =>
  attributes.map((set) => encodeAttributes(set, field));

function hex(bytes: number): fc.Arbitrary<string> {
  return fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((id) => Buffer.from(id).toString('hex'))
    .map((id) => (/^0+$/.test(id) ? '' : id));
}
const traceId = fc.oneof(fc.constant(''), hex(16));
const spanId = fc.oneof(fc.constant(''), hex(8));

const point = { startTime: fc.oneof(fc.constant(0), millis), time: millis, flags: uint32 };
const optional = fc.option(double, { nil: undefined });
const counts = fc.array(count, { maxLength: 8 });
const buckets = fc.record({ offset: fc.integer(), counts });
const head = { name: text, description: text, unit: text };
const temporality = fc.constantFrom('unspecified' as const, 'delta' as const, 'cumulative' as const);
const numberPoints = fc.array(fc.record({ attributes: raw(7), ...point, value: double }), { maxLength: 4 });

const metric = fc.oneof(
  fc.record({
    ...head,
    kind: fc.constant('gauge' as const),
    temporality: fc.constant('unspecified' as const),
    monotonic: fc.constant(false),
    points: numberPoints,
  }),
  fc.record({
    ...head,
    kind: fc.constant('sum' as const),
    temporality,
    monotonic: fc.boolean(),
    points: numberPoints,
  }),
  fc.record({
    ...head,
    kind: fc.constant('histogram' as const),
    temporality,
    points: fc.array(
      fc.record({
        attributes: raw(9),
        ...point,
        count,
        sum: optional,
        min: optional,
        max: optional,
        bounds: fc.array(double, { maxLength: 8 }),
        counts,
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    ...head,
    kind: fc.constant('exponential_histogram' as const),
    temporality,
    points: fc.array(
      fc.record({
        attributes: raw(1),
        ...point,
        count,
        sum: optional,
        min: optional,
        max: optional,
        scale: fc.integer(),
        zeroCount: count,
        zeroThreshold: double,
        positive: buckets,
        negative: buckets,
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    ...head,
    kind: fc.constant('summary' as const),
    points: fc.array(
      fc.record({
        attributes: raw(7),
        ...point,
        count,
        sum: double,
        quantiles: fc.array(fc.record({ quantile: double, value: double }), { maxLength: 3 }),
      }),
      { maxLength: 3 },
    ),
  }),
);

const resource = fc.record({ attributes });
const scope = fc.record({ name: text, version: text, attributes });
const few = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { maxLength: 3 });

export const metricsRequest: fc.Arbitrary<OtlpRequest> = fc.record({
  signal: fc.constant('metrics' as const),
  resourceMetrics: few(
    fc.record({ resource, scopeMetrics: few(fc.record({ scope, metrics: few(metric) })) }),
  ),
});

const span = fc.record({
  traceId,
  spanId,
  parentSpanId: spanId,
  traceState: text,
  flags: uint32,
  name: text,
  kind: fc.integer({ min: 0, max: 5 }),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
  events: few(fc.record({ name: text, timeUnixNano: nanos, attributes })),
  links: few(fc.record({ traceId, spanId, traceState: text, attributes })),
  status: fc.record({ code: fc.integer({ min: 0, max: 2 }), message: text }),
});
export const tracesRequest: fc.Arbitrary<OtlpRequest> = fc.record({
  signal: fc.constant('traces' as const),
  resourceSpans: few(fc.record({ resource, scopeSpans: few(fc.record({ scope, spans: few(span) })) })),
});

const logRecord = fc.record({
  timeUnixNano: nanos,
  observedTimeUnixNano: nanos,
  severityNumber: fc.integer({ min: 0, max: 24 }),
  severityText: text,
  eventName: text,
  body: value,
  attributes,
  traceId,
  spanId,
  flags: uint32,
});
export const logsRequest: fc.Arbitrary<OtlpRequest> = fc.record({
  signal: fc.constant('logs' as const),
  resourceLogs: few(
    fc.record({ resource, scopeLogs: few(fc.record({ scope, logRecords: few(logRecord) })) }),
  ),
});

export const anyRequest = fc.oneof(metricsRequest, tracesRequest, logsRequest);
