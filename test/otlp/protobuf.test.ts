import assert from 'node:assert';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NumberMetric, OtlpRequest, Span } from '../../src/otlp/index.ts';
import { decodeAttributes, decodeRequest, encodeRequest, OtlpDecodeError } from '../../src/otlp/index.ts';
import { ProtobufReader } from '../../src/otlp/protobuf-reader.ts';
import { ProtobufWriter } from '../../src/otlp/protobuf-writer.ts';
import { readUsualNumberPoint } from '../../src/otlp/number-point.ts';
import { NUMBER_POINT } from '../../src/otlp/schema.ts';

const PROTOBUF = 'application/x-protobuf';
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));

/** A length-delimited field. */
function nested(field: number, ...contents: Uint8Array[]): Uint8Array {
  const writer = new ProtobufWriter();
  writer.bytes(field, Buffer.concat(contents));
  return writer.finish();
}
function fields(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter();
  write(writer);
  return writer.finish();
}
/** ExportMetricsServiceRequest with one metric of these fields. */
const metricBody = (...metric: Uint8Array[]): Uint8Array => nested(1, nested(2, nested(2, ...metric)));
const decodeMetrics = (body: Uint8Array) => decodeRequest('metrics', PROTOBUF, body);
const onlyMetric = (body: Uint8Array) => decodeMetrics(body).resourceMetrics[0]?.scopeMetrics[0]?.metrics[0];
/** The one number point made of these bytes. */
function onlyPoint(...point: Uint8Array[]) {
  const metric = onlyMetric(metricBody(nested(5, nested(1, ...point)))) as NumberMetric;
  assert.equal(metric.points.length, 1);
  return metric.points[0] as NumberMetric['points'][0];
}
const spanBody = (...span: Uint8Array[]): Uint8Array => nested(1, nested(2, nested(2, ...span)));
const onlySpan = (body: Uint8Array): Span =>
  decodeRequest('traces', PROTOBUF, body).resourceSpans[0]?.scopeSpans[0]?.spans[0] as Span;
const logBody = (...record: Uint8Array[]): Uint8Array => nested(1, nested(2, nested(2, ...record)));
const onlyBody = (anyValue: Uint8Array): unknown =>
  decodeRequest('logs', PROTOBUF, logBody(nested(5, anyValue))).resourceLogs[0]?.scopeLogs[0]?.logRecords[0]
    ?.body;

describe('golden bytes', () => {
  // Written out by hand from the .proto files: field number << 3 | wire type, length, value.
  it('read a gauge point', () => {
    const body = bytesOf(`
      0a 40
        0a 0e 0a 0c 0a 01 73 12 07 0a 05 74 72 61 69 6e
        12 2e 0a 03 0a 01 6d
          12 27 0a 01 67 1a 01 31 2a 1f
            0a 1d 19 00 00 c5 2e ad e6 9f 18 21 00 00 00 00 00 00 f8 7f 3a 09 0a 01 61 12 04 0a 02 78 79`);
    const request = decodeMetrics(body);
    const metric = request.resourceMetrics[0]?.scopeMetrics[0]?.metrics[0] as NumberMetric;
    expect({ ...request.resourceMetrics[0]?.resource.attributes }).toEqual({ s: 'train' });
    expect(metric).toMatchObject({ name: 'g', unit: '1', kind: 'gauge' });
    const nanoseconds = new DataView(bytesOf('0000c52eade69f18').buffer).getBigUint64(0, true);
    expect(metric.points[0]).toMatchObject({ time: Number(nanoseconds) / 1e6, value: Number.NaN });
    expect(metric.points[0]?.attributes).toEqual(bytesOf('3a 09 0a 01 61 12 04 0a 02 78 79'));
  });

  it('write a span', () => {
    const request: OtlpRequest = {
      signal: 'traces',
      resourceSpans: [
        {
          resource: { attributes: {} },
          scopeSpans: [
            {
              scope: { name: '', version: '', attributes: {} },
              spans: [
                {
                  traceId: '0102030405060708090a0b0c0d0e0f10',
                  spanId: '1112131415161718',
                  parentSpanId: '',
                  traceState: '',
                  flags: 0x101,
                  name: 'é',
                  kind: 2,
                  startTimeUnixNano: 1n,
                  endTimeUnixNano: 2n ** 64n - 1n,
                  attributes: { n: -1 },
                  events: [],
                  links: [],
                  status: { code: 2, message: '' },
                },
              ],
            },
          ],
        },
      ],
    };
    expect(Buffer.from(encodeRequest(request)).toString('hex')).toBe(
      Buffer.from(
        bytesOf(`
        0a 58 0a 00 12 54 0a 00 12 50
          0a 10 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10
          12 08 11 12 13 14 15 16 17 18
          2a 02 c3 a9
          30 02
          39 01 00 00 00 00 00 00 00
          41 ff ff ff ff ff ff ff ff
          4a 10 0a 01 6e 12 0b 18 ff ff ff ff ff ff ff ff ff 01
          7a 02 18 02
          85 01 01 01 00 00`),
      ).toString('hex'),
    );
  });
});

describe('the protobuf decoder', () => {
  it('takes an empty request', () => {
    expect(decodeMetrics(new Uint8Array(0))).toEqual({ signal: 'metrics', resourceMetrics: [] });
  });

  it('skips fields that it does not know, of every wire type', () => {
    const unknown = fields((writer) => {
      writer.varint(500, 2 ** 40);
      writer.fixed64(501, 7n);
      writer.string(502, 'later');
      writer.fixed32(503, 7);
    });
    const point = onlyPoint(
      unknown,
      fields((writer) => writer.double(4, 1.5)),
      unknown,
    );
    expect(point.value).toBe(1.5);
    expect(onlySpan(spanBody(unknown, nested(5, Buffer.from('name')), unknown)).name).toBe('name');
  });

  it.each([
    ['a group', 'a3 06 a4 06', /field 100 has wire type 3/],
    ['a group in place of a message', '0b 0c', /came as group start/],
    ['a group end', 'a4 06', /field 100 has wire type 4/],
    ['a reserved wire type', 'a6 06', /wire type 6/],
    ['field number 0', '02 00', /field number 0/],
    ['a tag over 32 bits', 'fa ff ff ff ff 01 00', /larger than 32 bits/],
    ['a varint over 64 bits', 'a0 06 ff ff ff ff ff ff ff ff ff 02', /64 bits/],
    ['a varint without end', 'a0 06 ff', /past the end/],
    ['a length without a body', '0a', /past the end/],
    ['a length beyond the body', '0a ff ff ff ff 0f', /length 4294967295 is more than the 0 bytes left/],
    ['a length over 32 bits', '0a 80 80 80 80 80 01', /more than the 0 bytes/],
    ['a wrong wire type', '08 01', /resourceMetrics \(field 1\) must be length-delimited, came as varint/],
  ])('refuses %s and says where', (_, hex, message) => {
    const error = catchError(() => decodeMetrics(bytesOf(hex)));
    expect(error).toBeInstanceOf(OtlpDecodeError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/at byte \d+$/);
  });

  it('keeps every double as it came', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5e-324]) {
      expect(onlyPoint(fields((writer) => writer.double(4, value))).value).toBe(value);
      expect(onlyBody(fields((writer) => writer.double(4, value)))).toBe(value);
    }
  });

  it('reads ints of points, negative ones too, and lets the last member of the oneof stand', () => {
    const asInt = (value: bigint): Uint8Array =>
      fields((writer) => writer.fixed64(6, BigInt.asUintN(64, value)));
    const asDouble = fields((writer) => writer.double(4, 2.5));
    expect(onlyPoint(asInt(-3n)).value).toBe(-3);
    expect(onlyPoint(asInt(2n ** 62n)).value).toBe(2 ** 62);
    expect(onlyPoint(asInt(7n), asDouble).value).toBe(2.5);
    expect(onlyPoint(asDouble, asInt(7n)).value).toBe(7);
  });

  it('reads ints of attributes exactly: a number while it is safe, else a bigint', () => {
    const int = (value: bigint): unknown => onlyBody(fields((writer) => writer.int64(3, value)));
    expect(int(-1n)).toBe(-1);
    expect(int(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(int(2n ** 53n)).toBe(2n ** 53n);
    expect(int(-(2n ** 63n))).toBe(-(2n ** 63n));
  });

  it('takes repeated numbers packed, unpacked and mixed', () => {
    const histogram = (...parts: Uint8Array[]) => {
      const metric = onlyMetric(metricBody(nested(9, nested(1, ...parts))));
      return metric?.kind === 'histogram' ? metric.points[0] : undefined;
    };
    const unpacked = (count: bigint): Uint8Array => fields((writer) => writer.fixed64(6, count));
    const packed = nested(
      6,
      fields((writer) => {
        writer.rawFixed64(2n);
        writer.rawFixed64(3n);
      }),
    );
    const bound = fields((writer) => writer.double(7, 0.5));
    expect(histogram(unpacked(1n), packed, bound, unpacked(4n))).toMatchObject({
      counts: [1, 2, 3, 4],
      bounds: [0.5],
    });
    expect(() => histogram(nested(6, bytesOf('00 00 00')))).toThrow(/past the end/);
    expect(() => histogram(fields((writer) => writer.varint(6, 1)))).toThrow(
      /bucketCounts .* must be 64-bit/,
    );
    const exponential = onlyMetric(
      metricBody(
        nested(
          10,
          nested(
            1,
            nested(
              8,
              fields((writer) => writer.sint32(1, -7)),
              bytesOf('10 01 12 03 02 ac 02'),
            ),
          ),
        ),
      ),
    );
    expect(exponential?.kind === 'exponential_histogram' && exponential.points[0]?.positive).toEqual({
      offset: -7,
      counts: [1, 2, 300],
    });
  });

  it('merges a message that comes twice and drops the earlier member of a oneof', () => {
    const name = (text: string): Uint8Array => nested(5, Buffer.from(text));
    const status = (write: (writer: ProtobufWriter) => void): Uint8Array => nested(15, fields(write));
    const span = onlySpan(
      spanBody(
        name('first'),
        status((writer) => writer.varint(3, 2)),
        name('last'),
        status((writer) => writer.string(2, 'why')),
      ),
    );
    expect(span.name).toBe('last');
    expect(span.status).toEqual({ code: 2, message: 'why' });

    const gauge = nested(
      5,
      nested(
        1,
        fields((writer) => writer.double(4, 1)),
      ),
    );
    const sum = nested(
      7,
      nested(
        1,
        fields((writer) => writer.double(4, 2)),
      ),
    );
    expect(onlyMetric(metricBody(gauge, gauge))).toMatchObject({ points: [{ value: 1 }, { value: 1 }] });
    expect(onlyMetric(metricBody(gauge, sum))).toMatchObject({ kind: 'sum', points: [{ value: 2 }] });
  });

  it('drops a metric without data and keeps one without points', () => {
    expect(onlyMetric(metricBody(nested(1, Buffer.from('m'))))).toBeUndefined();
    expect(onlyMetric(metricBody(nested(5)))).toMatchObject({ kind: 'gauge', points: [] });
  });

  it('merges lists of a value that comes twice, and lets another kind replace it', () => {
    const one = fields((writer) => writer.int64(3, 1));
    const array = nested(5, nested(1, one));
    expect(onlyBody(Buffer.concat([array, array]))).toEqual([1, 1]);
    expect(onlyBody(Buffer.concat([array, one]))).toBe(1);
    const map = (key: string): Uint8Array =>
      nested(6, nested(1, nested(1, Buffer.from(key)), nested(2, one)));
    expect(onlyBody(Buffer.concat([map('a'), map('b')]))).toEqual({ a: 1, b: 1 });
  });

  it('takes the last of two equal keys and keys that JavaScript knows', () => {
    const pair = (key: string, value: string): Uint8Array =>
      nested(7, nested(1, Buffer.from(key)), nested(2, nested(1, Buffer.from(value))));
    const decoded = decodeAttributes(
      Buffer.concat([pair('__proto__', 'x'), pair('k', 'first'), pair('k', 'last')]),
    );
    expect(Object.entries(decoded)).toEqual([
      ['__proto__', 'x'],
      ['k', 'last'],
    ]);
    expect(Object.getPrototypeOf(decoded)).toBeNull();
  });

  it('replaces bytes that are not UTF-8 and keeps a byte order mark', () => {
    expect(onlySpan(spanBody(nested(5, bytesOf('61 ff 62')))).name).toBe('a�b');
    expect(onlySpan(spanBody(nested(5, bytesOf('ef bb bf 62')))).name).toBe('\ufeffb');
    expect(onlySpan(spanBody(nested(5, Buffer.from('x'.repeat(500))))).name).toBe('x'.repeat(500));
  });

  it('refuses ids of a wrong length and reads all-zero ones as unset', () => {
    expect(() => onlySpan(spanBody(nested(1, bytesOf('01 02'))))).toThrow(
      /traceId must have 16 bytes, has 2/,
    );
    expect(onlySpan(spanBody(nested(4, new Uint8Array(8)))).parentSpanId).toBe('');
  });

  it('refuses values nested without end, at any size', () => {
    let value = fields((writer) => writer.int64(3, 1));
    for (let i = 0; i < 60; i++) value = nested(5, nested(1, value));
    expect(JSON.stringify(onlyBody(value))).toBe(`${'['.repeat(60)}1${']'.repeat(60)}`);
    for (let i = 0; i < 4000; i++) value = nested(5, nested(1, value));
    expect(() => onlyBody(value)).toThrow(/nested deeper than 64/);
  });

  it('refuses a small body that would become millions of objects', () => {
    const spans = new Uint8Array(2_100_000);
    for (let i = 0; i < spans.length; i += 2) spans[i] = 0x12;
    expect(() => decodeRequest('traces', PROTOBUF, nested(1, nested(2, spans)))).toThrow(/more messages/);
  });

  it('reads from a view in the middle of a larger buffer', () => {
    const body = metricBody(nested(5, nested(1, nested(7, nested(1, Buffer.from('k'))))));
    const pool = Buffer.alloc(body.length + 20, 0xff);
    pool.set(body, 7);
    expect(decodeMetrics(pool.subarray(7, 7 + body.length))).toEqual(decodeMetrics(body));
  });
});

describe('attribute bytes of a point', () => {
  const pair = (key: string, write: (writer: ProtobufWriter) => void): Uint8Array =>
    nested(7, nested(1, Buffer.from(key)), nested(2, fields(write)));
  const a = pair('a', (writer) => writer.string(1, 'x'));
  const b = pair('b', (writer) => writer.int64(3, 300));
  const value = fields((writer) => writer.double(4, 1));

  it('are a view of the body while they lie together', () => {
    const body = metricBody(nested(5, nested(1, a, b, value)));
    const metric = onlyMetric(body) as NumberMetric;
    expect(metric.points[0]?.attributes).toEqual(new Uint8Array(Buffer.concat([a, b])));
    expect(metric.points[0]?.attributes.buffer).toBe(body.buffer);
  });

  it('are joined when other fields lie between them', () => {
    expect(onlyPoint(a, value, b).attributes).toEqual(new Uint8Array(Buffer.concat([a, b])));
    expect(onlyPoint(value, a, b).value).toBe(1);
  });

  it('are checked, so that they decode later', () => {
    expect(() => onlyPoint(nested(7, bytesOf('0a 05 61')), value)).toThrow(OtlpDecodeError);
    expect(() => onlyPoint(nested(7, nested(1, Buffer.from('k')), nested(2, bytesOf('18 ff'))))).toThrow(
      /past the end/,
    );
  });
});

describe('the quick way for number points', () => {
  it('gives what the tables give, whatever the order of fields', () => {
    const attribute = fc
      .tuple(
        fc.string({ maxLength: 5 }),
        fc.oneof(
          fc.string({ maxLength: 140 }),
          fc.boolean(),
          fc.double(),
          fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        ),
      )
      .map(([key, value]) =>
        nested(
          7,
          nested(1, Buffer.from(key)),
          nested(
            2,
            fields((writer) => {
              if (typeof value === 'string') writer.string(1, value);
              else if (typeof value === 'boolean') writer.varint(2, value ? 1 : 0);
              else if (typeof value === 'bigint') writer.int64(3, value);
              else writer.double(4, value);
            }),
          ),
        ),
      );
    const number = fc.double().map((value) => fields((writer) => writer.double(4, value)));
    const int = fc
      .bigInt({ min: 0n, max: 2n ** 64n - 1n })
      .map((value) => fields((writer) => writer.fixed64(6, value)));
    const time = fc
      .tuple(fc.constantFrom(2, 3), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
      .map(([field, value]) => fields((writer) => writer.fixed64(field, value)));
    const flags = fc.nat({ max: 300 }).map((value) => fields((writer) => writer.varint(8, value)));
    const point = fc
      .array(fc.oneof(attribute, number, int, time, flags), { maxLength: 8 })
      .map((parts) => Buffer.concat(parts));
    const unknown = fields((writer) => writer.varint(99, 1));
    fc.assert(
      fc.property(point, (bytes) => {
        // A field that nobody knows makes the quick way give up.
        assert.deepStrictEqual(onlyPoint(bytes), onlyPoint(bytes, unknown));
      }),
      { numRuns: 500 },
    );
  });

  it('is taken for the points that SDKs write', () => {
    const usual = fields((writer) => {
      writer.fixed64(2, 1n);
      writer.fixed64(3, 2n);
      writer.double(4, 1);
      writer.raw(nested(7, nested(1, Buffer.from('gpu.index')), nested(2, bytesOf('18 ac 02'))));
      writer.raw(nested(7, nested(1, Buffer.from('on')), nested(2, bytesOf('10 01'))));
      writer.raw(nested(7, nested(1, Buffer.from('k')), nested(2, nested(1, Buffer.from('v')))));
    });
    expect(readUsualNumberPoint(new ProtobufReader(usual, 9), usual.length)).toBeDefined();
  });

  it('has the tags of the table', () => {
    const numbers = Object.fromEntries(NUMBER_POINT.fields.map((field) => [field.json, field.number]));
    expect(numbers).toEqual({
      attributes: 7,
      startTimeUnixNano: 2,
      timeUnixNano: 3,
      asInt: 6,
      asDouble: 4,
      flags: 8,
    });
  });
});

function catchError(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
