import { describe, expect, it } from 'vitest';
import type { LogRecord, MetricData, Span } from '../../src/otlp/index.ts';
import { decodeAttributes, decodeRequest, OtlpDecodeError, toJson } from '../../src/otlp/index.ts';

const JSON_TYPE = 'application/json';
const bytes = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const decodeSpan = (span: unknown): Span =>
  decodeRequest('traces', JSON_TYPE, bytes({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }))
    .resourceSpans[0]?.scopeSpans[0]?.spans[0] as Span;
const decodeLog = (record: unknown): LogRecord =>
  decodeRequest('logs', JSON_TYPE, bytes({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }))
    .resourceLogs[0]?.scopeLogs[0]?.logRecords[0] as LogRecord;
const decodeMetric = (metric: unknown): MetricData | undefined =>
  decodeRequest('metrics', JSON_TYPE, bytes({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] }))
    .resourceMetrics[0]?.scopeMetrics[0]?.metrics[0];
const decodeNumber = (point: unknown) => {
  const metric = decodeMetric({ name: 'm', gauge: { dataPoints: [point] } });
  return metric?.kind === 'gauge' ? metric.points[0] : undefined;
};

describe('OTLP JSON', () => {
  it('takes ids in hex of either case and refuses anything else', () => {
    expect(
      decodeSpan({ traceId: '5B8EFFF798038103D269B633813FC60C', spanId: 'EEE19B7EC3C1B174' }),
    ).toMatchObject({
      traceId: '5b8efff798038103d269b633813fc60c',
      spanId: 'eee19b7ec3c1b174',
      parentSpanId: '',
    });
    expect(() => decodeSpan({ spanId: 'W47/95gDgQM=' })).toThrow(
      'OTLP JSON: expected 16 hex digits, got "W47/95gDgQM=" at $.resourceSpans[0].scopeSpans[0].spans[0].spanId',
    );
  });

  it('takes integers as strings and as numbers, exactly', () => {
    expect(decodeSpan({ startTimeUnixNano: '1544712660300000001' }).startTimeUnixNano).toBe(
      1544712660300000001n,
    );
    const bare =
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano": 1544712660300000001}]}]}]}';
    expect(
      decodeRequest('traces', JSON_TYPE, bytes(bare)).resourceSpans[0]?.scopeSpans[0]?.spans[0]
        ?.startTimeUnixNano,
    ).toBe(1544712660300000001n);
    expect(decodeLog({ body: { intValue: '9007199254740993' } }).body).toBe(9007199254740993n);
    expect(decodeLog({ body: { intValue: '-7' } }).body).toBe(-7);
    expect(decodeLog({ body: { intValue: 7 } }).body).toBe(7);
    expect(decodeNumber({ asInt: '-5' })?.value).toBe(-5);
    expect(decodeNumber({ asInt: 5 })?.value).toBe(5);
    expect(decodeNumber({ timeUnixNano: '1544712660300000000' })?.time).toBe(1544712660300);
  });

  it('takes enums as numbers and as names', () => {
    expect(decodeSpan({ kind: 2, status: { code: 'STATUS_CODE_ERROR' } })).toMatchObject({
      kind: 2,
      status: { code: 2 },
    });
    expect(decodeSpan({ kind: 'SPAN_KIND_CONSUMER' }).kind).toBe(5);
    expect(decodeLog({ severityNumber: 'SEVERITY_NUMBER_FATAL4' }).severityNumber).toBe(24);
    expect(decodeLog({ severityNumber: 'SEVERITY_NUMBER_WARN' }).severityNumber).toBe(13);
    expect(
      decodeMetric({ sum: { aggregationTemporality: 'AGGREGATION_TEMPORALITY_DELTA', isMonotonic: true } }),
    ).toMatchObject({ kind: 'sum', temporality: 'delta', monotonic: true });
    expect(decodeMetric({ histogram: { aggregationTemporality: 2 } })).toMatchObject({
      temporality: 'cumulative',
    });
    expect(() => decodeSpan({ kind: 'SERVER' })).toThrow(/"SERVER" is not one of SPAN_KIND_UNSPECIFIED/);
  });

  it('takes non-finite doubles as strings, and null as the NaN that OpenTelemetry JS means by it', () => {
    for (const [json, value] of [
      ['NaN', Number.NaN],
      ['Infinity', Number.POSITIVE_INFINITY],
      ['-Infinity', Number.NEGATIVE_INFINITY],
      ['1.5', 1.5],
      [null, Number.NaN],
      [0.25, 0.25],
    ]) {
      expect(decodeNumber({ asDouble: json })?.value).toBe(value);
      expect(decodeLog({ body: { doubleValue: json } }).body).toBe(value);
    }
    expect(Object.is(decodeNumber({ asDouble: '-0' })?.value, -0)).toBe(true);
    expect(decodeNumber({ asDouble: null, asInt: null })?.value).toBe(Number.NaN);
    expect(() => decodeNumber({ asDouble: 'nan' })).toThrow(OtlpDecodeError);
    expect(() => decodeNumber({ asDouble: '0x10' })).toThrow(OtlpDecodeError);
  });

  it('takes null as unset everywhere else', () => {
    expect(decodeSpan({ name: null, attributes: null, status: null, kind: null })).toMatchObject({
      name: '',
      kind: 0,
    });
    expect(decodeLog({ body: { stringValue: null } }).body).toBeNull();
    expect(decodeMetric({ histogram: { dataPoints: [{ sum: null, min: 1 }] } })).toMatchObject({
      points: [{ sum: undefined, min: 1 }],
    });
  });

  it('ignores keys that it does not know, snake case included', () => {
    expect(
      decodeSpan({ name: 'n', span_id: 'zz', later: { deep: [1] }, droppedAttributesCount: 3 }).name,
    ).toBe('n');
    expect(decodeLog({ body: { futureValue: 1 } }).body).toBeNull();
  });

  it('reads nested values, bytes and keys that JavaScript knows', () => {
    const body = decodeLog({
      body: {
        kvlistValue: {
          values: [
            { key: '__proto__', value: { stringValue: 'x' } },
            { key: 'list', value: { arrayValue: { values: [{ boolValue: true }, {}, { doubleValue: 1 }] } } },
            { key: 'bytes', value: { bytesValue: 'AP-_' } },
            { key: 'none' },
          ],
        },
      },
    }).body;
    expect(Object.entries(body as object)).toEqual([
      ['__proto__', 'x'],
      ['list', [true, null, 1]],
      ['bytes', new Uint8Array([0, 255, 191])],
      ['none', null],
    ]);
  });

  it('gives points the wire bytes that a protobuf sender would have sent, int and double kept apart', () => {
    const point = decodeNumber({
      attributes: [
        { key: 'i', value: { intValue: '1' } },
        { key: 'd', value: { doubleValue: 1 } },
      ],
    });
    expect(Buffer.from(point?.attributes as Uint8Array).toString('hex')).toBe(
      '3a070a0169120218013a0e0a0164120921000000000000f03f',
    );
    expect({ ...decodeAttributes(point?.attributes as Uint8Array) }).toEqual({ i: 1, d: 1 });
  });

  it.each([
    ['not JSON', '{"resourceSpans": [}', /the body is not JSON/],
    ['a body that is no object', '[]', /expected an object, got an array at \$$/],
    ['a cut body', '{"resourceSpans"', /not JSON/],
    [
      'an object for an array',
      '{"resourceSpans":{}}',
      /expected an array, got an object at \$\.resourceSpans$/,
    ],
    [
      'a number for a name',
      '{"resourceSpans":[{"scopeSpans":[{"scope":{"name":1}}]}]}',
      /expected a string, got number "1"/,
    ],
    [
      'a fraction for an integer',
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":1.5}]}]}]}',
      /expected an integer/,
    ],
    [
      'a number that does not fit',
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":4294967296}]}]}]}',
      /outside 0 to 4294967295/,
    ],
    [
      'a negative time',
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"endTimeUnixNano":"-1"}]}]}]}',
      /outside 0/,
    ],
  ])('refuses %s and says where', (_, text, message) => {
    expect(() => decodeRequest('traces', JSON_TYPE, bytes(text))).toThrow(OtlpDecodeError);
    expect(() => decodeRequest('traces', JSON_TYPE, bytes(text))).toThrow(message);
  });

  it('does not quote the data when the body is not JSON', () => {
    expect(() => decodeRequest('logs', JSON_TYPE, bytes('{"apiKey": "sk-secret" oops}'))).toThrow(
      /^OTLP JSON: the body is not JSON \(wrong at position \d+\)$/,
    );
  });

  it('refuses values nested without end', () => {
    const nested = (depth: number): string =>
      '{"arrayValue":{"values":['.repeat(depth) + '{"intValue":1}' + ']}}'.repeat(depth);
    const record = (depth: number): string =>
      `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${nested(depth)}}]}]}]}`;
    expect(() => decodeRequest('logs', JSON_TYPE, bytes(record(50)))).not.toThrow();
    expect(() => decodeRequest('logs', JSON_TYPE, bytes(record(5000)))).toThrow(/nested deeper/);
  });

  it('is written with ids in hex, integers as strings, enums as numbers', () => {
    const request = decodeRequest(
      'traces',
      JSON_TYPE,
      bytes({
        resourceSpans: [
          {
            scopeSpans: [
              {
                spans: [
                  {
                    spanId: 'eee19b7ec3c1b174',
                    kind: 3,
                    endTimeUnixNano: 7,
                    attributes: [{ key: 'n', value: { intValue: 4 } }],
                  },
                ],
              },
            ],
          },
        ],
      }),
    );
    expect(toJson(request)).toEqual({
      resourceSpans: [
        {
          resource: {},
          scopeSpans: [
            {
              scope: {},
              spans: [
                {
                  spanId: 'eee19b7ec3c1b174',
                  kind: 3,
                  endTimeUnixNano: '7',
                  attributes: [{ key: 'n', value: { intValue: '4' } }],
                  status: {},
                },
              ],
            },
          ],
        },
      ],
    });
  });
});
