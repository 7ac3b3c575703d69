import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { TraceState } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import {
  array,
  assert,
  boolean,
  constantFrom,
  dictionary,
  double,
  integer,
  maxSafeInteger,
  oneof,
  option,
  property,
  record,
  string,
  tuple,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSpans } from '../../../src/telemetry/delivery/span-encoder.ts';

const text = oneof(
  string({ maxLength: 60 }),
  string({ unit: 'grapheme', maxLength: 60 }),
  constantFrom('', 'x'.repeat(40), 'é'.repeat(200)),
);
const value = oneof(
  text,
  boolean(),
  integer(),
  maxSafeInteger(),
  double(),
  constantFrom(-0, 0, 2 ** 53, -(2 ** 63), 1e300),
  array(text, { maxLength: 4 }),
  array(double(), { maxLength: 4 }),
);
const attributes = dictionary(string({ minLength: 1, maxLength: 20 }), value, { maxKeys: 12 });
const hex = (length: number) =>
  string({ unit: constantFrom(...Array.from('0123456789abcdef')), minLength: length, maxLength: length });
const context = record({
  traceId: hex(32),
  spanId: hex(16),
  traceFlags: constantFrom(TraceFlags.NONE, TraceFlags.SAMPLED),
  isRemote: option(boolean(), { nil: undefined }),
  traceState: option(constantFrom(new TraceState('a=1,b=2')), { nil: undefined }),
});
const time = tuple(integer({ min: 0, max: 2 ** 33 }), integer({ min: 0, max: 999_999_999 }));
const count = integer({ min: 0, max: 100_000 });
const resources = [
  resourceFromAttributes({ 'service.name': 'a', 'process.pid': 7 }),
  resourceFromAttributes({}),
];
const scopes = [
  { name: 's', version: '1' },
  { name: 't', schemaUrl: 'https://example.com/schema' },
];

const span = record({
  context,
  parentSpanContext: option(context, { nil: undefined }),
  name: text,
  kind: constantFrom(SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CONSUMER),
  startTime: time,
  endTime: time,
  attributes,
  droppedAttributesCount: count,
  events: array(
    record({
      name: text,
      time,
      attributes: option(attributes, { nil: undefined }),
      droppedAttributesCount: count,
    }),
    { maxLength: 3 },
  ),
  droppedEventsCount: count,
  links: array(
    record({ context, attributes: option(attributes, { nil: undefined }), droppedAttributesCount: count }),
    { maxLength: 3 },
  ),
  droppedLinksCount: count,
  status: record({
    code: constantFrom(SpanStatusCode.UNSET, SpanStatusCode.OK, SpanStatusCode.ERROR),
    message: option(text, { nil: undefined }),
  }),
  resource: constantFrom(...resources),
  instrumentationScope: constantFrom(...scopes),
}).map(({ context: own, ...rest }) => ({ ...rest, spanContext: () => own }) as unknown as ReadableSpan);

describe('spans in protobuf', () => {
  it('are byte for byte what the official serialiser gives', () => {
    assert(
      property(array(span, { maxLength: 5 }), (spans) => {
        const expected = Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) ?? []);
        expect(Buffer.from(encodeSpans(spans)).equals(expected)).toBe(true);
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });
  it('stay so when a name has more values than are kept', () => {
    const many = Array.from({ length: 300 }, (_, i) => {
      const own = {
        traceId: '0'.repeat(31) + '1',
        spanId: '0'.repeat(15) + '1',
        traceFlags: TraceFlags.SAMPLED,
      };
      return {
        spanContext: () => own,
        name: `span ${i}`,
        kind: SpanKind.SERVER,
        startTime: [1_795_560_880, i],
        endTime: [1_795_560_881, i],
        attributes: { path: `/items/${i}`, number: i, flag: i % 2 === 0, negative: -i },
        events: [],
        links: [],
        status: { code: SpanStatusCode.UNSET },
        droppedAttributesCount: 0,
        droppedEventsCount: 0,
        droppedLinksCount: 0,
        resource: resources[0],
        instrumentationScope: scopes[0],
      } as unknown as ReadableSpan;
    });
    for (let round = 0; round < 2; round++) {
      const expected = Buffer.from(ProtobufTraceSerializer.serializeRequest(many) ?? []);
      expect(Buffer.from(encodeSpans(many)).equals(expected)).toBe(true);
    }
  });
});
