/** The exporters of OpenTelemetry JS, as users have them, sending to the receiver over a socket. */
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as JsonLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as JsonMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtoMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { LoggerProvider, BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeAttributes } from '../../../src/otlp/index.ts';
import { type Receiving, startReceiving } from './receiving.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});
async function start(): Promise<Receiving> {
  const receiving = await startReceiving();
  open.push(receiving);
  return receiving;
}
const closing = (provider: { shutdown(): Promise<void> }): void => {
  open.push({ close: () => provider.shutdown() });
};

const FORMS = [
  ['protobuf', CompressionAlgorithm.NONE],
  ['protobuf', CompressionAlgorithm.GZIP],
  ['json', CompressionAlgorithm.NONE],
  ['json', CompressionAlgorithm.GZIP],
] as const;

describe('the OpenTelemetry JS exporters', () => {
  it.each(FORMS)('deliver metrics as %s, compression %s; NaN arrives as NaN', async (form, compression) => {
    const target = await start();
    const Exporter = form === 'json' ? JsonMetricExporter : ProtoMetricExporter;
    const exporter = new Exporter({ url: `${target.url}/v1/metrics`, compression });
    const provider = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
    });
    closing(provider);
    const gauge = provider.getMeter('m').createGauge('loss');
    gauge.record(Number.NaN, { run: 'a' });
    gauge.record(0.1, { run: 'b' });
    await provider.forceFlush();
    const request = target.store.appended[0]?.request;
    expect(request?.signal).toBe('metrics');
    if (request?.signal !== 'metrics') return;
    const metric = request.resourceMetrics[0]?.scopeMetrics[0]?.metrics[0];
    expect(metric?.kind).toBe('gauge');
    if (metric?.kind !== 'gauge') return;
    expect(metric.points.map((point) => [{ ...decodeAttributes(point.attributes) }, point.value])).toEqual([
      [{ run: 'a' }, Number.NaN],
      [{ run: 'b' }, 0.1],
    ]);
    expect(target.receiver.stats()).toMatchObject({
      accepted: { points: 2 },
      requests: { metrics: { '200': 1 } },
    });
  });

  it.each(FORMS)('deliver spans as %s, compression %s', async (form, compression) => {
    const target = await start();
    const Exporter = form === 'json' ? JsonTraceExporter : ProtoTraceExporter;
    const exporter = new Exporter({ url: `${target.url}/v1/traces`, compression });
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    closing(provider);
    const span = provider.getTracer('t').startSpan('chat model', { attributes: { tokens: 7 } });
    span.end();
    await provider.forceFlush();
    const request = target.store.appended[0]?.request;
    expect(request?.signal === 'traces' && request.resourceSpans[0]?.scopeSpans[0]?.spans[0]).toMatchObject({
      name: 'chat model',
      traceId: span.spanContext().traceId,
      spanId: span.spanContext().spanId,
      attributes: { tokens: 7 },
    });
  });

  it.each(FORMS)('deliver events as %s, compression %s; NaN arrives as NaN', async (form, compression) => {
    const target = await start();
    const Exporter = form === 'json' ? JsonLogExporter : ProtoLogExporter;
    const exporter = new Exporter({ url: `${target.url}/v1/logs`, compression });
    const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] });
    closing(provider);
    provider.getLogger('run').emit({
      eventName: 'llm.training.step',
      severityNumber: SeverityNumber.INFO,
      body: { 'train/loss': Number.NaN, 'train/learning_rate': 3e-4 },
      attributes: { 'llm.run.seq': 0 },
    });
    await provider.forceFlush();
    const request = target.store.appended[0]?.request;
    expect(request?.signal === 'logs' && request.resourceLogs[0]?.scopeLogs[0]?.logRecords[0]).toMatchObject({
      eventName: 'llm.training.step',
      body: { 'train/loss': Number.NaN, 'train/learning_rate': 3e-4 },
      attributes: { 'llm.run.seq': 0 },
    });
  });

  it('try again after a 503 and read a partial success', async () => {
    const target = await start();
    let turns = 0;
    target.store.behaviour = async () => {
      turns++;
      if (turns === 1) throw Object.assign(new Error('busy'), { retryable: true });
      return { rejected: 1, message: 'series limit' };
    };
    const exporter = new ProtoLogExporter({ url: `${target.url}/v1/logs` });
    const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] });
    closing(provider);
    provider.getLogger('run').emit({ body: 'again' });
    await provider.forceFlush();
    expect(target.receiver.stats().requests.logs).toEqual({ '200': 1, '503': 1 });
  });
});
