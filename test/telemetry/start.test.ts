import { diag, metrics, trace } from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MetricDefinition } from '../../src/conventions/index.ts';
import {
  currentTelemetry,
  instruments,
  startTelemetry,
  type TelemetryOptions,
} from '../../src/telemetry/index.ts';
import { resetTelemetry } from '../../src/telemetry/start.ts';
import { encodeExportResponse } from '../../src/otlp/index.ts';
import { OtlpSink } from './otlp-sink.ts';

let sink: OtlpSink;
let lines: string[];
beforeEach(async () => {
  sink = await OtlpSink.start();
  lines = [];
  const log = (message: string) => void lines.push(message);
  diag.setLogger({ error: log, warn: log, info: () => {}, debug: () => {}, verbose: () => {} });
});
afterEach(async () => {
  await currentTelemetry()?.shutdown();
  resetTelemetry();
  diag.disable();
  await sink.close();
});

const start = (options: TelemetryOptions = {}) =>
  startTelemetry({ endpoint: sink.url, handleExit: false, env: {}, shutdownTimeout: '20s', ...options });
const GAUGE: MetricDefinition = { name: 'test.loss', kind: 'gauge', unit: '1', description: 'a test' };
const COUNTER: MetricDefinition = { name: 'test.steps', kind: 'counter', unit: '1', description: 'a test' };

describe('startTelemetry', () => {
  it('sends spans, log records and metrics with one resource', async () => {
    const telemetry = start({ serviceName: 'svc' });
    expect(telemetry).toMatchObject({ mode: 'own', endpoint: sink.url });
    expect(telemetry.resourceAttributes).toMatchObject({
      'service.name': 'svc',
      'service.instance.id': telemetry.serviceInstanceId,
    });
    trace.getTracer('t').startSpan('a span').end();
    logs.getLogger('l').emit({ eventName: 'an event', body: 'text' });
    metrics.getMeter('m').createCounter('sdk.counter').add(3);
    instruments.counter(COUNTER, 'test').bind({ own: true }).add(4);
    await telemetry.forceFlush();
    expect(sink.spans().map(({ name }) => name)).toEqual(['a span']);
    expect(sink.logRecords().map(({ eventName }) => eventName)).toEqual(['an event']);
    const byName = Object.fromEntries(sink.metrics().map((metric) => [metric.name, metric]));
    expect(byName['sdk.counter']).toMatchObject({ points: [{ value: 3 }] });
    expect(byName['test.steps']).toMatchObject({ points: [{ value: 4 }], temporality: 'cumulative' });
    expect(telemetry.dropped()).toEqual({});
    expect(lines).toEqual([]);
  });

  it('says once what is wrong with a variable, though every signal and the run events read it', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318', OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' };
    const telemetry = startTelemetry({ handleExit: false, env, shutdownTimeout: 1 });
    await telemetry.createEventExporter({ env }).shutdown();
    expect(lines).toHaveLength(2);
    expect(lines.join()).toContain('did you mean http://collector:4318?');
    expect(lines.join()).toContain('OTEL_EXPORTER_OTLP_TIMEOUT="soon"');
  });

  it('gives an exporter of run events its receiver and headers, and no headers to another receiver', async () => {
    const telemetry = start({ headers: { 'x-key': 'given' } });
    const other = await OtlpSink.start();
    for (const exporter of [
      telemetry.createEventExporter({ env: {} }),
      telemetry.createEventExporter({ env: {}, endpoint: other.url }),
    ]) {
      expect(await exporter.export([])).toEqual({ ok: true });
      await exporter.shutdown();
    }
    const keys = (received: OtlpSink) =>
      received.requests.filter(({ signal }) => signal === 'logs').map(({ headers }) => headers['x-key']);
    expect([keys(sink), keys(other)]).toEqual([['given'], [undefined]]);
    await other.close();
  });

  it('keeps NaN in a gauge on the wire', async () => {
    const series = instruments.gauge(GAUGE, 'test').bind();
    series.set(Number.NaN);
    await start().forceFlush();
    expect(sink.metrics().find(({ name }) => name === 'test.loss')).toMatchObject({
      kind: 'gauge',
      points: [{ value: Number.NaN }],
    });
    series.clear();
  });

  it('gives the first telemetry again, and says that other options have no effect', () => {
    const first = start();
    expect(start()).toBe(first);
    expect(startTelemetry()).toBe(first); // sets nothing, so asks for nothing else
    expect(lines).toEqual([]);
    expect(start({ serviceName: 'other' })).toBe(first);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/another serviceName;.*no effect/);
    expect(currentTelemetry()).toBe(first);
  });

  it('records and sends nothing with OTEL_SDK_DISABLED', async () => {
    const telemetry = start({ env: { OTEL_SDK_DISABLED: 'TRUE' } });
    expect(telemetry.mode).toBe('disabled');
    const span = trace.getTracer('t').startSpan('a span');
    expect(span.isRecording()).toBe(false);
    span.end();
    await telemetry.forceFlush();
    expect(sink.requests).toEqual([]);
  });

  it('leaves out a signal that is switched off', async () => {
    const telemetry = start({ signals: { traces: false }, env: { OTEL_LOGS_EXPORTER: 'none' } });
    trace.getTracer('t').startSpan('a span').end();
    logs.getLogger('l').emit({ body: 'text' });
    instruments.counter(COUNTER, 'test').bind({ own: true }).add(1);
    await telemetry.shutdown();
    expect(new Set(sink.requests.map(({ signal }) => signal))).toEqual(new Set(['metrics']));
  });

  it('keeps spans and the history of metrics through an outage, and says so in two lines', async () => {
    let down = true;
    sink.answerWith((response) => (down ? response.destroy() : response.writeHead(200).end()));
    const telemetry = start();
    const counter = instruments.counter(COUNTER, 'outage').bind();
    for (let i = 0; i < 3; i++) {
      counter.add(1);
      trace.getTracer('t').startSpan(`span ${i}`).end();
      await telemetry.forceFlush();
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('cannot be reached');
    down = false;
    sink.requests.length = 0;
    await telemetry.forceFlush();
    expect(sink.spans().map(({ name }) => name)).toEqual(['span 0', 'span 1', 'span 2']);
    const values = sink
      .metrics()
      .filter(({ name }) => name === 'test.steps')
      .flatMap((metric) => (metric.kind === 'sum' ? metric.points.map(({ value }) => value) : []));
    expect(values).toEqual(expect.arrayContaining([1, 2, 3]));
    expect(lines[1]).toContain('answers again');
    expect(lines).toHaveLength(2);
    expect(telemetry.dropped()).toEqual({});
  });

  it('counts what it loses by signal and reason, as a metric too, and tells it in one line at the end', async () => {
    const telemetry = start({ env: { OTEL_BSP_MAX_QUEUE_SIZE: '2', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '2' } });
    sink.answerWith((response, request) =>
      request.signal === 'logs'
        ? response
            .writeHead(200)
            .end(encodeExportResponse('logs', 'application/x-protobuf', { rejected: 1, message: 'no' }))
        : response.writeHead(200).end(),
    );
    for (let i = 0; i < 5; i++) trace.getTracer('t').startSpan('a span').end();
    logs.getLogger('l').emit({ body: 'text' });
    await telemetry.forceFlush();
    expect(telemetry.dropped()).toEqual({ traces: { queue_full: 3 }, logs: { refused: 1 } });
    sink.requests.length = 0;
    await telemetry.shutdown();
    const dropped = sink.metrics().find(({ name }) => name === 'llm_otel.dropped');
    expect(dropped?.kind === 'sum' ? dropped.points.map(({ value }) => value) : []).toEqual(
      // The instrument goes on counting over every telemetry of the process.
      expect.arrayContaining([1, 3]),
    );
    expect(lines.at(-1)).toContain(
      'spans: 3 (the queue was full); log records: 1 (the receiver refused them)',
    );
  });

  it('resolves shutdown within its deadline when the receiver hangs', async () => {
    sink.answerWith(() => {});
    const telemetry = start({ shutdownTimeout: 50, env: { OTEL_EXPORTER_OTLP_TIMEOUT: '600000' } });
    trace.getTracer('t').startSpan('a span').end();
    await telemetry.shutdown();
    await telemetry.shutdown();
    expect(telemetry.dropped().traces).toEqual({ shutdown: 1 });
  });

  it('speaks JSON when asked', async () => {
    const telemetry = start({ env: { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' } });
    trace.getTracer('t').startSpan('a span').end();
    await telemetry.forceFlush();
    const request = sink.requests.find(({ signal }) => signal === 'traces');
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.body.toString()).toContain('"a span"');
  });

  it('makes no spans of its own requests', async () => {
    const telemetry = start();
    trace.getTracer('t').startActiveSpan('outer', (span) => span.end());
    await telemetry.forceFlush();
    await telemetry.forceFlush();
    expect(sink.spans().map(({ name }) => name)).toEqual(['outer']);
  });

  it('warns of every variable that it cannot use, and starts nevertheless', () => {
    const telemetry = start({
      metricInterval: 'often',
      env: {
        OTEL_BSP_SCHEDULE_DELAY: 'x',
        OTEL_TRACES_SAMPLER: 'x',
        OTEL_PROPAGATORS: 'x',
        OTEL_METRIC_EXPORT_TIMEOUT: '-1',
        OTEL_LOGS_EXPORTER: 'x',
        LLM_OTEL_SHUTDOWN_TIMEOUT: 'x',
      },
      shutdownTimeout: undefined,
    });
    expect(telemetry.mode).toBe('own');
    for (const name of [
      'metricInterval',
      'OTEL_BSP_SCHEDULE_DELAY',
      'OTEL_TRACES_SAMPLER',
      'OTEL_PROPAGATORS',
      'OTEL_METRIC_EXPORT_TIMEOUT',
      'OTEL_LOGS_EXPORTER',
      'LLM_OTEL_SHUTDOWN_TIMEOUT',
    ])
      expect(lines.filter((line) => line.includes(name))).toHaveLength(1);
  });
});
