import { context, defaultTextMapSetter, ROOT_CONTEXT, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { type Environment, EnvironmentReader } from '../../../src/telemetry/settings/environment-reader.ts';
import { resolvePropagator } from '../../../src/telemetry/settings/propagators.ts';
import { resolveSampler, resolveSpanLimits } from '../../../src/telemetry/settings/sampler.ts';
import {
  resolveExporters,
  resolveMetrics,
  resolveQueue,
} from '../../../src/telemetry/settings/signal-settings.ts';

function reader(env: Environment) {
  const warnings: string[] = [];
  return { environment: new EnvironmentReader(env, (w) => warnings.push(w)), warnings };
}

describe('exporters', () => {
  it.each<[string | undefined, string[], RegExp | undefined]>([
    [undefined, ['otlp'], undefined],
    ['console', ['console'], undefined],
    ['otlp, console', ['otlp', 'console'], undefined],
    ['none', [], undefined],
    ['prometheus', ['otlp'], /OTEL_METRICS_EXPORTER.*accepted are otlp, console, none/],
    ['console,zipkin', ['console'], /Only console is used/],
  ])('of OTEL_METRICS_EXPORTER=%s are %j', (value, exporters, warning) => {
    const { environment, warnings } = reader({ OTEL_METRICS_EXPORTER: value });
    expect([...resolveExporters('metrics', environment, undefined)]).toEqual(exporters);
    if (warning) expect(warnings.join()).toMatch(warning);
    else expect(warnings).toEqual([]);
  });

  it('are none when code switches the signal off', () => {
    const { environment } = reader({ OTEL_TRACES_EXPORTER: 'otlp' });
    expect(resolveExporters('traces', environment, false).size).toBe(0);
  });
});

describe('queues', () => {
  it('are larger and quicker than the defaults of OpenTelemetry', () => {
    expect(resolveQueue('OTEL_BSP', reader({}).environment)).toEqual({
      maxQueueSize: 16_384,
      maxBatchSize: 2048,
      delayMs: 1000,
      exportTimeoutMs: 30_000,
    });
  });

  it('follow their variables, spans and log records apart', () => {
    const { environment } = reader({
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
      OTEL_BSP_SCHEDULE_DELAY: '20',
      OTEL_BSP_EXPORT_TIMEOUT: '30',
      OTEL_BLRP_SCHEDULE_DELAY: '40',
    });
    expect(resolveQueue('OTEL_BSP', environment)).toEqual({
      maxQueueSize: 100,
      maxBatchSize: 10,
      delayMs: 20,
      exportTimeoutMs: 30,
    });
    expect(resolveQueue('OTEL_BLRP', environment)).toMatchObject({ maxQueueSize: 16_384, delayMs: 40 });
  });

  it('never have a batch above the queue', () => {
    const { environment, warnings } = reader({
      OTEL_BSP_MAX_QUEUE_SIZE: '10',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50',
    });
    expect(resolveQueue('OTEL_BSP', environment).maxBatchSize).toBe(10);
    expect(warnings).toHaveLength(1);
    expect(resolveQueue('OTEL_BSP', reader({ OTEL_BSP_MAX_QUEUE_SIZE: '10' }).environment).maxBatchSize).toBe(
      10,
    );
  });

  it.each(['0', '-5', '1.5', 'many'])('warn of a size of %s and use the default', (value) => {
    const { environment, warnings } = reader({ OTEL_BSP_MAX_QUEUE_SIZE: value });
    expect(resolveQueue('OTEL_BSP', environment).maxQueueSize).toBe(16_384);
    expect(warnings).toEqual([
      `OTEL_BSP_MAX_QUEUE_SIZE="${value}" is not a whole number of at least 1; 16384 is used`,
    ]);
  });
});

describe('metrics', () => {
  it('go out each 10 s; the variable wins over the option', () => {
    expect(resolveMetrics(reader({}).environment, undefined).intervalMs).toBe(10_000);
    expect(resolveMetrics(reader({}).environment, 500).intervalMs).toBe(500);
    expect(resolveMetrics(reader({ OTEL_METRIC_EXPORT_INTERVAL: '2000' }).environment, 500)).toMatchObject({
      intervalMs: 2000,
      exportTimeoutMs: 2000,
      temporality: 'cumulative',
    });
  });

  it('know the preferences of temporality', () => {
    const name = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
    expect(resolveMetrics(reader({ [name]: 'Delta' }).environment, undefined).temporality).toBe('delta');
    const { environment, warnings } = reader({ [name]: 'sometimes' });
    expect(resolveMetrics(environment, undefined).temporality).toBe('cumulative');
    expect(warnings[0]).toContain('one of cumulative, delta, lowmemory');
  });
});

describe('the sampler', () => {
  it.each([
    [{}, /ParentBased{root=AlwaysOnSampler/],
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, /^AlwaysOffSampler/],
    [
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
      /ParentBased{root=TraceIdRatioBased{0.25}/,
    ],
  ])('of %j is %s', (env, text) => {
    const { environment, warnings } = reader(env);
    expect(resolveSampler(environment).toString()).toMatch(text);
    expect(warnings).toEqual([]);
  });

  it.each([
    { OTEL_TRACES_SAMPLER: 'dice' },
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' },
  ])('keeps every trace and warns for %j', (env) => {
    const { environment, warnings } = reader(env);
    const decision = resolveSampler(environment).shouldSample(
      ROOT_CONTEXT,
      'f'.repeat(32),
      'n',
      SpanKind.INTERNAL,
      {},
      [],
    );
    expect(decision.decision).toBe(2);
    expect(warnings).toHaveLength(1);
  });

  it('comes with the limits of OTEL_SPAN_*_LIMIT, the general ones where none is given', () => {
    const { environment } = reader({
      OTEL_ATTRIBUTE_COUNT_LIMIT: '5',
      OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '6',
      OTEL_SPAN_EVENT_COUNT_LIMIT: '0',
    });
    expect(resolveSpanLimits(environment)).toEqual({
      attributeCountLimit: 5,
      attributeValueLengthLimit: 6,
      eventCountLimit: 0,
      linkCountLimit: 128,
      attributePerEventCountLimit: 128,
      attributePerLinkCountLimit: 128,
    });
  });
});

describe('propagators', () => {
  const inject = (env: Environment) => {
    const { environment, warnings } = reader(env);
    const carrier: Record<string, string> = {};
    const span = trace.setSpanContext(context.active(), {
      traceId: '1'.repeat(32),
      spanId: '2'.repeat(16),
      traceFlags: TraceFlags.SAMPLED,
    });
    resolvePropagator(environment)?.inject(span, carrier, defaultTextMapSetter);
    return { carrier, warnings };
  };

  it('are W3C trace context and baggage by default', () => {
    expect(inject({}).carrier.traceparent).toBe(`00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`);
  });

  it('can be switched off', () => {
    expect(inject({ OTEL_PROPAGATORS: 'none' }).carrier).toEqual({});
    expect(inject({ OTEL_PROPAGATORS: 'baggage' }).carrier).toEqual({});
  });

  it('warn of b3 and use what is known', () => {
    const { carrier, warnings } = inject({ OTEL_PROPAGATORS: 'b3,tracecontext' });
    expect(carrier.traceparent).toBeDefined();
    expect(warnings[0]).toContain('b3');
    expect(inject({ OTEL_PROPAGATORS: 'jaeger' }).carrier.traceparent).toBeDefined();
  });
});
