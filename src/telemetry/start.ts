import { context, diag, metrics, propagation, trace } from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { ATTR, DURATION_FORMAT, ENV, parseDuration } from '../conventions/index.ts';
import { inspectApiCopies } from './attach/api-copies.ts';
import { attachSpans } from './attach/attach-spans.ts';
import type { Attachment } from './attach/attachment.ts';
import { startDiagnostics } from './settings/diagnostics.ts';
import { DropCounter } from './dropped.ts';
import { EndpointHealth } from './delivery/endpoint-health.ts';
import { EnvironmentReader } from './settings/environment-reader.ts';
import { DEFAULT_EXIT_DEADLINE_MS, setExitDeadline } from './exit.ts';
import type { ExportPipeline } from './delivery/export-pipeline.ts';
import { foreignResource, registeredProvider, visibleProvider } from './attach/foreign-provider.ts';
import { createLogPipeline, createMetricPipeline, createTracePipeline } from './delivery/pipelines.ts';
import { resolvePropagator } from './settings/propagators.ts';
import { createLoggerProvider, createMeterProvider, createTracerProvider } from './sdk/providers.ts';
import { processFacts, resolveResource } from './settings/resource.ts';
import { type Part, RunningTelemetry, type RunningOptions } from './running-telemetry.ts';
import { resolveExporters, resolveMetrics } from './settings/signal-settings.ts';
import { QueueSpanProcessor } from './sdk/span-processor.ts';
import { baseUrl, DEFAULT_ENDPOINT, resolveTarget } from './settings/target.ts';
import type { Signal } from './signal.ts';
import type { Telemetry, TelemetryOptions } from './telemetry.ts';

let current: Telemetry | undefined;
let startedWith: TelemetryOptions = {};

/** What `startTelemetry` gave; undefined before it was called. */
export function currentTelemetry(): Telemetry | undefined {
  return current;
}

/**
 * Starts traces, metrics and logs, or attaches to the SDK that is already there. A second call gives what the first
 * one started. Never throws: a program must not fail since it is observed.
 */
export function startTelemetry(options: TelemetryOptions = {}): Telemetry {
  if (current) {
    const ignored = differing(options, startedWith);
    if (ignored.length > 0)
      diag.warn(
        `llm-otel: startTelemetry was called again with another ${ignored.join(', ')}; the first call counts and this has no effect`,
      );
    return current;
  }
  startedWith = options;
  const warn = startDiagnostics(options.env ?? process.env);
  const environment = new EnvironmentReader(options.env ?? process.env, warn);
  try {
    current = environment.flag('OTEL_SDK_DISABLED')
      ? disabled(options, environment)
      : start(options, environment);
  } catch (error) {
    diag.error(
      `llm-otel: telemetry could not be started and is off: ${error instanceof Error ? error.stack : String(error)}`,
    );
    current = disabled(options, environment);
  }
  return current;
}

function start(options: TelemetryOptions, environment: EnvironmentReader): Telemetry {
  const drops = new DropCounter();
  const endpoint = baseUrl(resolveTarget('traces', silent(options), options));
  const shared = { environment, drops, healthOf: healthByReceiver(environment, drops) };
  const foreign = registeredProvider();
  const attributes = {
    ...resolveResource(options, environment, processFacts()),
    // One process, one resource: its metrics and runs are joined to its spans by service.name and service.instance.id.
    ...(foreign && foreignResource(foreign)),
  };
  const shutdownTimeoutMs = resolveShutdownTimeout(options, environment);
  const pipelines: ExportPipeline<unknown>[] = [];
  const parts: Part[] = [];
  const exporters = (signal: Signal) => resolveExporters(signal, environment, options.signals?.[signal]);
  /** The pipeline of a signal, when it goes out over OTLP. */
  const pipe = <T>(signal: Signal, wanted: boolean, create: (target: Target) => ExportPipeline<T>) => {
    if (!wanted) return undefined;
    const pipeline = create(resolveTarget(signal, environment, options));
    pipelines.push(pipeline);
    return pipeline;
  };

  // Metrics: the same in both modes, global only when the process is ours.
  const metricSettings = resolveMetrics(environment, optionMs('metricInterval', options, environment));
  const metricExporters = exporters('metrics');
  const metricPipeline = pipe('metrics', metricExporters.has('otlp'), (target) =>
    createMetricPipeline(target, metricSettings, shared),
  );
  const meterProvider =
    metricExporters.size > 0
      ? createMeterProvider(
          { attributes, exporters: metricExporters, pipeline: metricPipeline },
          metricSettings,
        )
      : undefined;
  if (meterProvider) parts.push(meterProvider);

  const traceExporters = exporters('traces');
  const createTraces = () =>
    pipe('traces', traceExporters.has('otlp'), (target) => createTracePipeline(target, shared));
  const base: Omit<RunningOptions, 'mode'> = {
    environment,
    resourceAttributes: attributes,
    serviceInstanceId: String(attributes[ATTR.serviceInstanceId]),
    endpoint,
    parts,
    pipelines,
    drops,
    shutdownTimeoutMs,
    handleExit: options.handleExit ?? true,
    given: { endpoint: options.endpoint, headers: options.headers },
  };
  if (base.handleExit) setExitDeadline(shutdownTimeoutMs);

  if (foreign || environment.text('OTEL_CONFIG_FILE') !== undefined) {
    const attachment = attach(foreign, traceExporters.has('otlp'), options, () => {
      const pipeline = createTraces() as NonNullable<ReturnType<typeof createTraces>>;
      const processor = new QueueSpanProcessor(pipeline.queue);
      parts.push(processor);
      return processor;
    });
    warnOfApiCopies(environment);
    return new RunningTelemetry({ ...base, mode: 'attached', attachment });
  }

  const propagator = resolvePropagator(environment);
  if (traceExporters.size > 0) {
    const pipeline = createTraces();
    const provider = createTracerProvider({ attributes, exporters: traceExporters, pipeline }, environment);
    provider.register({ propagator });
    parts.push(partOf(provider, pipeline));
    if (visibleProvider() !== provider)
      environment.warn(
        'the tracer provider could not be registered; spans of this process are not recorded (a line about @opentelemetry/api says why)',
      );
  } else registerContext(propagator);
  if (meterProvider) metrics.setGlobalMeterProvider(meterProvider);
  const logExporters = exporters('logs');
  if (logExporters.size > 0) {
    const pipeline = pipe('logs', logExporters.has('otlp'), (target) => createLogPipeline(target, shared));
    const provider = createLoggerProvider({ attributes, exporters: logExporters, pipeline });
    logs.setGlobalLoggerProvider(provider);
    parts.push(partOf(provider, pipeline));
  }
  warnOfApiCopies(environment);
  return new RunningTelemetry({ ...base, mode: 'own' });
}

/** Flushes the queue itself: a provider's `forceFlush` holds the process with a timer of 30 s of its own. */
function partOf(provider: Pick<Part, 'shutdown'>, pipeline: ExportPipeline<unknown> | undefined): Part {
  return {
    forceFlush: () => pipeline?.queue.flush() ?? Promise.resolve(),
    shutdown: () => provider.shutdown(),
  };
}

/** Outages are told apart by receiver: signals may go to different ones. */
function healthByReceiver(
  environment: EnvironmentReader,
  drops: DropCounter,
): (target: Target) => EndpointHealth {
  const known = new Map<string, EndpointHealth>();
  return (target) => {
    const name = baseUrl(target);
    let health = known.get(name);
    if (!health) {
      health = new EndpointHealth({
        name,
        lost: () => drops.total(),
        log: (message) => environment.warn(message),
        now: Date.now,
      });
      known.set(name, health);
    }
    return health;
  };
}

type Target = ReturnType<typeof resolveTarget>;

/** Says what attaching means for the spans, and adds our processor where it belongs. */
function attach(
  foreign: ReturnType<typeof registeredProvider>,
  wanted: boolean,
  options: TelemetryOptions,
  createProcessor: () => QueueSpanProcessor,
): Attachment {
  const result = ((): Attachment => {
    if (!foreign)
      return {
        added: false,
        why: 'OTEL_CONFIG_FILE is set, so that spans are left to the SDK that reads it',
      };
    if (!wanted) return { added: false, why: 'its spans stay its own, since traces are switched off here' };
    return attachSpans(foreign, {
      url: resolveTarget('traces', silent(options), options).url,
      asked: options.endpoint !== undefined,
      createProcessor,
    });
  })();
  const line = `llm-otel: attached to the OpenTelemetry SDK of this process: ${result.why}`;
  if (result.added || !wanted) diag.info(line);
  else diag.warn(line);
  return result;
}

/** Nothing is recorded; propagation works nevertheless, as OpenTelemetry asks of OTEL_SDK_DISABLED. */
function disabled(options: TelemetryOptions, environment: EnvironmentReader): Telemetry {
  const attributes = resolveResource(options, silent(options), processFacts());
  if (!registeredProvider()) registerContext(resolvePropagator(environment));
  return new RunningTelemetry({
    environment,
    mode: 'disabled',
    resourceAttributes: attributes,
    serviceInstanceId: String(attributes[ATTR.serviceInstanceId]),
    endpoint: options.endpoint
      ? baseUrl(resolveTarget('traces', silent(options), options))
      : DEFAULT_ENDPOINT,
    parts: [],
    pipelines: [],
    drops: new DropCounter(),
    shutdownTimeoutMs: DEFAULT_EXIT_DEADLINE_MS,
    handleExit: false,
    given: { endpoint: options.endpoint, headers: options.headers },
  });
}

function registerContext(propagator: ReturnType<typeof resolvePropagator>): void {
  const manager = new AsyncLocalStorageContextManager();
  manager.enable();
  context.setGlobalContextManager(manager);
  if (propagator) propagation.setGlobalPropagator(propagator);
}

/** For a second look at variables whose faults were or will be told elsewhere. */
function silent(options: TelemetryOptions): EnvironmentReader {
  return new EnvironmentReader(options.env ?? process.env, () => {});
}

function resolveShutdownTimeout(options: TelemetryOptions, environment: EnvironmentReader): number {
  return (
    optionMs('shutdownTimeout', options, environment) ??
    environment.milliseconds(ENV.shutdownTimeout.name, DEFAULT_EXIT_DEADLINE_MS)
  );
}

/** A duration option in milliseconds; undefined when it is not set or cannot be used. */
function optionMs(
  name: 'metricInterval' | 'shutdownTimeout',
  options: TelemetryOptions,
  environment: EnvironmentReader,
): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  const milliseconds = parseDuration(value);
  if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
  environment.warn(
    `the option ${name}=${JSON.stringify(value)} is not ${DURATION_FORMAT}; the default is used`,
  );
  return undefined;
}

function warnOfApiCopies(environment: EnvironmentReader): void {
  for (const problem of inspectApiCopies().problems) environment.warn(problem);
}

/** Options that are set and are not what they were. A second call that sets nothing asks for nothing else. */
function differing(options: TelemetryOptions, before: TelemetryOptions): string[] {
  return (Object.keys(options) as (keyof TelemetryOptions)[]).filter(
    (name) =>
      name !== 'env' &&
      options[name] !== undefined &&
      JSON.stringify(options[name]) !== JSON.stringify(before[name]),
  );
}

/** For tests: forgets what was started and takes the globals back. */
export function resetTelemetry(): void {
  current = undefined;
  trace.disable();
  metrics.disable();
  logs.disable();
  context.disable();
  propagation.disable();
}
