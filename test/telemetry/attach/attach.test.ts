import { diag, metrics, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MetricDefinition } from '../../../src/conventions/index.ts';
import {
  currentTelemetry,
  instruments,
  startTelemetry,
  type TelemetryOptions,
} from '../../../src/telemetry/index.ts';
import { sameReceiver } from '../../../src/telemetry/attach/foreign-provider.ts';
import { resetTelemetry } from '../../../src/telemetry/start.ts';
import { OtlpSink } from '../otlp-sink.ts';

let ours: OtlpSink;
let theirs: OtlpSink;
let lines: string[];
beforeEach(async () => {
  ours = await OtlpSink.start();
  theirs = await OtlpSink.start();
  lines = [];
  const log = (message: string) => void lines.push(message);
  diag.setLogger({ error: log, warn: log, info: () => {}, debug: () => {}, verbose: () => {} });
});
afterEach(async () => {
  await currentTelemetry()?.shutdown();
  resetTelemetry();
  diag.disable();
  await ours.close();
  await theirs.close();
});

/** A span as sdk-trace-base 1.30 gives it: no instrumentationScope, no parentSpanContext. */
const sdk1Span = (name: string) => ({
  name,
  kind: 0,
  spanContext: () => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }),
  parentSpanId: 'c'.repeat(16),
  startTime: [1, 0],
  endTime: [2, 0],
  duration: [1, 0],
  status: { code: 0 },
  attributes: {},
  links: [],
  events: [],
  ended: true,
  resource: { attributes: { 'service.name': 'old' } },
  instrumentationLibrary: { name: 'lib', version: '1' },
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
});

function registerTheirs(...spanProcessors: SpanProcessor[]): NodeTracerProvider {
  const provider = new NodeTracerProvider({ spanProcessors });
  provider.register();
  return provider;
}
const batching = (url: string) => new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }));
const start = (options: TelemetryOptions = {}) =>
  startTelemetry({ endpoint: ours.url, handleExit: false, env: {}, ...options });
const GAUGE: MetricDefinition = { name: 'test.gauge', kind: 'gauge', unit: '1', description: 'a test' };

describe('two URLs', () => {
  it.each([
    ['http://localhost:4318/v1/traces', 'http://127.0.0.1:4318/v1/traces/', true],
    ['http://[::1]:4318/v1/traces', 'http://127.0.0.1:4318/v1/traces', true],
    ['http://127.0.0.1:4318/v1/traces', 'http://127.0.0.1:4319/v1/traces', false],
    ['http://a:4318/v1/traces', 'http://b:4318/v1/traces', false],
    ['http://a/v1/traces', 'http://a/other/v1/traces', false],
  ])('%s and %s are one receiver: %s', (one, other, same) => {
    expect(sameReceiver(one, other)).toBe(same);
  });
});

describe('beside another SDK', () => {
  it('leaves its provider in place and sends its spans to our receiver as well', async () => {
    const provider = registerTheirs(batching(theirs.url));
    const telemetry = start();
    expect(telemetry).toMatchObject({ mode: 'attached', attachment: { added: true } });
    trace.getTracer('t').startSpan('shared').end();
    await provider.forceFlush();
    await telemetry.forceFlush();
    expect(theirs.spans().map(({ name }) => name)).toEqual(['shared']);
    expect(ours.spans().map(({ name }) => name)).toEqual(['shared']);
    expect(lines).toEqual([]);
  });

  it('does not send a span twice to the receiver that they use already', async () => {
    const provider = registerTheirs(batching(theirs.url));
    const telemetry = start({ endpoint: theirs.url });
    trace.getTracer('t').startSpan('once').end();
    await provider.forceFlush();
    await telemetry.forceFlush();
    expect(theirs.spans().map(({ name }) => name)).toEqual(['once']);
    expect(lines.join()).toContain('already go to');
  });

  it('sends our instruments by an exporter of their own, and takes no global meter provider', async () => {
    registerTheirs();
    const telemetry = start();
    instruments.gauge(GAUGE, 'test').bind().set(1);
    metrics.getMeter('theirs').createCounter('not.ours').add(1);
    await telemetry.forceFlush();
    expect(ours.metrics().map(({ name }) => name)).toContain('test.gauge');
    expect(ours.metrics().map(({ name }) => name)).not.toContain('not.ours');
  });

  it('has one resource with their spans, of which promises are left out', () => {
    const resource = resourceFromAttributes({
      'service.name': 'theirs',
      'service.instance.id': 'their-instance',
      'cloud.region': 'here',
      'host.id': Promise.resolve('later'),
    });
    new NodeTracerProvider({ resource }).register();
    const telemetry = start({ serviceName: 'ours' });
    expect(telemetry.serviceInstanceId).toBe('their-instance');
    expect(telemetry.resourceAttributes).toMatchObject({
      'service.name': 'theirs',
      'service.instance.id': 'their-instance',
      'cloud.region': 'here',
      'process.pid': process.pid,
    });
    expect(telemetry.resourceAttributes).not.toHaveProperty('host.id');
    expect(lines.join()).not.toContain('async');
  });

  it('keeps our name of the service when theirs has none, and reads the resource of SDK 1.x', () => {
    const foreign = {
      getTracer: () => trace.getTracer('noop'),
      resource: { _syncAttributes: { 'service.name': 'unknown_service:node', 'service.instance.id': 'old' } },
    };
    trace.setGlobalTracerProvider(foreign);
    expect(start({ serviceName: 'ours' }).resourceAttributes).toMatchObject({
      'service.name': 'ours',
      'service.instance.id': 'old',
    });
  });

  it('does not guess when it cannot see where their spans go, unless our receiver is asked for', () => {
    registerTheirs(new SimpleSpanProcessor(new InMemorySpanExporter()));
    start({ endpoint: undefined, env: { OTEL_EXPORTER_OTLP_ENDPOINT: ours.url } });
    expect(lines.join()).toContain('startTelemetry({endpoint})');
  });

  it('adds its processor when asked for, also where their exporter cannot be looked into', async () => {
    registerTheirs(new SimpleSpanProcessor(new InMemorySpanExporter()));
    const telemetry = start();
    trace.getTracer('t').startSpan('asked for').end();
    await telemetry.forceFlush();
    expect(ours.spans().map(({ name }) => name)).toEqual(['asked for']);
  });

  it('says what it cannot do for a provider of unknown shape, and touches nothing', () => {
    const foreign = { getTracer: () => trace.getTracer('noop') };
    trace.setGlobalTracerProvider(foreign);
    expect(start().mode).toBe('attached');
    expect(lines.join()).toContain('a span processor cannot be added');
    expect(Object.keys(foreign)).toEqual(['getTracer']);
  });

  it('uses addSpanProcessor where the SDK has it, and reads the spans of SDK 1.x', async () => {
    const added: SpanProcessor[] = [];
    const foreign = {
      getTracer: () => trace.getTracer('noop'),
      addSpanProcessor: (processor: SpanProcessor) => added.push(processor),
    };
    trace.setGlobalTracerProvider(foreign);
    const telemetry = start();
    expect(added).toHaveLength(1);
    added[0]?.onEnd(sdk1Span('old') as unknown as ReadableSpan);
    await telemetry.forceFlush();
    expect(ours.spans()).toMatchObject([
      { name: 'old', traceId: 'a'.repeat(32), parentSpanId: 'c'.repeat(16) },
    ]);
  });

  it('starts no provider when OTEL_CONFIG_FILE leaves that to another SDK', () => {
    const telemetry = start({ env: { OTEL_CONFIG_FILE: 'otel.yaml' } });
    expect(telemetry.mode).toBe('attached');
    expect(trace.getTracer('t').startSpan('x').isRecording()).toBe(false);
    expect(lines.join()).toContain('OTEL_CONFIG_FILE');
  });

  it('takes no more spans after shutdown, and leaves their provider running', async () => {
    const provider = registerTheirs(batching(theirs.url));
    const telemetry = start();
    await telemetry.shutdown();
    trace.getTracer('t').startSpan('later').end();
    await provider.forceFlush();
    expect(theirs.spans().map(({ name }) => name)).toEqual(['later']);
    expect(ours.spans()).toEqual([]);
    expect(telemetry.dropped()).toEqual({});
  });
});
