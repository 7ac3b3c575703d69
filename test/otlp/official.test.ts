/** Against the serializers of OpenTelemetry JS, fed by its real SDK. */
import { ValueType, SpanKind, SpanStatusCode, trace, ROOT_CONTEXT } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it } from 'vitest';
import type { LogsRequest, MetricsRequest, TracesRequest } from '../../src/otlp/index.ts';
import { decodeAttributes, decodeRequest } from '../../src/otlp/index.ts';

const PROTOBUF = 'application/x-protobuf';
const resource = resourceFromAttributes({ 'service.name': 'trainer', 'process.pid': 7, ratio: 0.5 });
const open: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
  for (const provider of open.splice(0)) await provider.shutdown();
});
const bytes = (body: Uint8Array | undefined): Uint8Array => body as Uint8Array;

async function recordedMetrics(temporality: AggregationTemporality): Promise<ResourceMetrics> {
  const exporter = new InMemoryMetricExporter(temporality);
  const provider = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
    views: [{ instrumentName: 'exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  open.push(provider);
  const meter = provider.getMeter('scope', '1.2');
  const gauge = meter.createGauge('loss', { unit: '1', description: 'Straße' });
  gauge.record(Number.NaN, { kind: 'nan' });
  gauge.record(Number.POSITIVE_INFINITY, { kind: 'inf' });
  gauge.record(-0, { kind: 'zero' });
  gauge.record(0.1, { kind: 'tenth', list: ['a', 'b'], on: true, n: 3 });
  meter.createCounter('tokens', { valueType: ValueType.INT }).add(2 ** 40, { model: 'm' });
  meter.createUpDownCounter('active').add(-3);
  const histogram = meter.createHistogram('duration', { unit: 's' });
  for (const value of [0, 3, 70, 20_000]) histogram.record(value);
  const exponential = meter.createHistogram('exponential');
  for (const value of [0, 0.001, 5, 5, 1e9]) exponential.record(value);
  await provider.forceFlush();
  return exporter.getMetrics()[0] as ResourceMetrics;
}

function flat(request: MetricsRequest): Record<string, Record<string, unknown>> {
  const metrics: Record<string, Record<string, unknown>> = {};
  for (const { scopeMetrics } of request.resourceMetrics) {
    for (const { metrics: list } of scopeMetrics) {
      for (const metric of list) {
        metrics[metric.name] = {
          ...metric,
          points: metric.points.map((point) => ({
            ...point,
            attributes: { ...decodeAttributes(point.attributes) },
          })),
        };
      }
    }
  }
  return metrics;
}

describe('metrics of the OpenTelemetry SDK', () => {
  it.each([
    [AggregationTemporality.CUMULATIVE, 'cumulative'],
    [AggregationTemporality.DELTA, 'delta'],
  ])('decode to what was recorded (temporality %i)', async (sdkTemporality, temporality) => {
    const recorded = await recordedMetrics(sdkTemporality);
    const request = decodeRequest(
      'metrics',
      PROTOBUF,
      bytes(ProtobufMetricsSerializer.serializeRequest(recorded)),
    );
    expect({ ...request.resourceMetrics[0]?.resource.attributes }).toEqual({
      'service.name': 'trainer',
      'process.pid': 7,
      ratio: 0.5,
    });
    expect(request.resourceMetrics[0]?.scopeMetrics[0]?.scope).toMatchObject({
      name: 'scope',
      version: '1.2',
    });
    const metrics = flat(request);
    expect(metrics['loss']).toMatchObject({
      kind: 'gauge',
      unit: '1',
      description: 'Straße',
      points: [
        { value: Number.NaN, attributes: { kind: 'nan' } },
        { value: Number.POSITIVE_INFINITY },
        { value: -0 },
        { value: 0.1, attributes: { kind: 'tenth', list: ['a', 'b'], on: true, n: 3 } },
      ],
    });
    expect(metrics['tokens']).toMatchObject({
      kind: 'sum',
      monotonic: true,
      temporality,
      points: [{ value: 2 ** 40 }],
    });
    expect(metrics['active']).toMatchObject({ kind: 'sum', monotonic: false, points: [{ value: -3 }] });
    expect(metrics['duration']).toMatchObject({
      kind: 'histogram',
      temporality,
      points: [{ count: 4, sum: 20_073, min: 0, max: 20_000 }],
    });
    const sdk = recorded.scopeMetrics[0]?.metrics ?? [];
    const byName = new Map(sdk.map((metric) => [metric.descriptor.name, metric.dataPoints[0]?.value]));
    const explicit = byName.get('duration') as { buckets: { boundaries: number[]; counts: number[] } };
    expect(metrics['duration']).toMatchObject({
      points: [{ bounds: explicit.buckets.boundaries, counts: explicit.buckets.counts }],
    });
    const exponential = byName.get('exponential') as {
      scale: number;
      positive: { offset: number; bucketCounts: number[] };
    };
    expect(metrics['exponential']).toMatchObject({
      kind: 'exponential_histogram',
      points: [
        {
          count: 5,
          zeroCount: 1,
          scale: exponential.scale,
          positive: { offset: exponential.positive.offset, counts: exponential.positive.bucketCounts },
        },
      ],
    });
    const [seconds, nanos] = sdk[0]?.dataPoints[0]?.endTime ?? [0, 0];
    const points = metrics['loss']?.['points'] as { time: number }[] | undefined;
    expect(points?.[0]?.time).toBeCloseTo(seconds * 1e3 + nanos / 1e6, 3);
  });

  it('decode from JSON to the same, but for what its JSON loses: infinities are NaN and -0 is 0', async () => {
    const recorded = await recordedMetrics(AggregationTemporality.CUMULATIVE);
    const protobuf = decodeRequest(
      'metrics',
      PROTOBUF,
      bytes(ProtobufMetricsSerializer.serializeRequest(recorded)),
    );
    const json = decodeRequest(
      'metrics',
      'application/json',
      bytes(JsonMetricsSerializer.serializeRequest(recorded)),
    );
    const loss = protobuf.resourceMetrics[0]?.scopeMetrics[0]?.metrics.find(({ name }) => name === 'loss');
    expect(loss?.kind).toBe('gauge');
    if (loss?.kind !== 'gauge') return;
    for (const point of loss.points)
      point.value = Number.isFinite(point.value) ? point.value + 0 : Number.NaN;
    expect(json).toEqual(protobuf);
  });
});

describe('spans of the OpenTelemetry SDK', () => {
  it('decode to what was recorded, from protobuf and from JSON alike', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({
      resource,
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    open.push(provider);
    const tracer = provider.getTracer('scope', '3');
    const parent = tracer.startSpan('parent', {
      kind: SpanKind.SERVER,
      startTime: [1_700_000_000, 123_456_789],
    });
    const child = tracer.startSpan(
      'chat model',
      {
        kind: SpanKind.CLIENT,
        links: [{ context: parent.spanContext(), attributes: { why: 'run' } }],
        attributes: { 'gen_ai.usage.output_tokens': 12, ok: true, list: [1, 2], temperature: 0.7 },
        startTime: [1_700_000_000, 200_000_001],
      },
      trace.setSpan(ROOT_CONTEXT, parent),
    );
    child.addEvent('first token', { n: 1 }, [1_700_000_000, 300_000_000]);
    child.setStatus({ code: SpanStatusCode.ERROR, message: 'out of memory' });
    child.end([1_700_000_001, 5]);
    parent.end([1_700_000_002, 0]);
    const spans = exporter.getFinishedSpans();
    const request = decodeRequest('traces', PROTOBUF, bytes(ProtobufTraceSerializer.serializeRequest(spans)));
    const decoded = request.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    expect(decoded).toHaveLength(2);
    expect(decoded[0]).toMatchObject({
      traceId: parent.spanContext().traceId,
      spanId: child.spanContext().spanId,
      parentSpanId: parent.spanContext().spanId,
      name: 'chat model',
      kind: 3,
      startTimeUnixNano: 1_700_000_000_200_000_001n,
      endTimeUnixNano: 1_700_000_001_000_000_005n,
      status: { code: 2, message: 'out of memory' },
      events: [{ name: 'first token', timeUnixNano: 1_700_000_000_300_000_000n }],
      links: [{ traceId: parent.spanContext().traceId, spanId: parent.spanContext().spanId }],
    });
    expect({ ...decoded[0]?.attributes }).toEqual({
      'gen_ai.usage.output_tokens': 12,
      ok: true,
      list: [1, 2],
      temperature: 0.7,
    });
    expect(decoded[1]).toMatchObject({
      parentSpanId: '',
      kind: 2,
      startTimeUnixNano: 1_700_000_000_123_456_789n,
    });
    const json: TracesRequest = decodeRequest(
      'traces',
      'application/json',
      bytes(JsonTraceSerializer.serializeRequest(spans)),
    );
    expect(json).toEqual(request);
  });
});

describe('events of the OpenTelemetry SDK', () => {
  it('decode to what was emitted, NaN too', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const provider = new LoggerProvider({
      resource,
      processors: [new SimpleLogRecordProcessor({ exporter })],
    });
    open.push(provider);
    provider.getLogger('run').emit({
      eventName: 'llm.training.step',
      timestamp: [1_700_000_000, 42],
      severityNumber: SeverityNumber.INFO,
      severityText: 'INFO',
      body: {
        'train/loss': Number.NaN,
        'train/epoch': 0.5,
        nested: { deep: [1, 'x', null] },
        raw: new Uint8Array([1, 2]),
      },
      attributes: { 'llm.run.seq': 3, 'llm.training.step': 2 },
    });
    const records = exporter.getFinishedLogRecords();
    const request = decodeRequest('logs', PROTOBUF, bytes(ProtobufLogsSerializer.serializeRequest(records)));
    const record = request.resourceLogs[0]?.scopeLogs[0]?.logRecords[0];
    expect(record).toMatchObject({
      eventName: 'llm.training.step',
      timeUnixNano: 1_700_000_000_000_000_042n,
      severityNumber: 9,
      severityText: 'INFO',
      traceId: '',
    });
    expect(record?.body).toEqual({
      'train/loss': Number.NaN,
      'train/epoch': 0.5,
      nested: { deep: [1, 'x', null] },
      raw: new Uint8Array([1, 2]),
    });
    expect({ ...record?.attributes }).toEqual({ 'llm.run.seq': 3, 'llm.training.step': 2 });
    const json: LogsRequest = decodeRequest(
      'logs',
      'application/json',
      bytes(JsonLogsSerializer.serializeRequest(records)),
    );
    expect(json).toEqual(request);
  });
});
