import type { EnvironmentReader } from './environment-reader.ts';
import { TEMPORALITY_PREFERENCES, type TemporalityPreference } from '../sdk/metric-exporter.ts';
import type { Signal } from '../signal.ts';

const EXPORTERS = ['otlp', 'console', 'none'] as const;
export type ExporterName = (typeof EXPORTERS)[number];

/** Exporters that other SDKs have, and why they are not here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  prometheus: 'the hub, a Collector or a Prometheus with its OTLP receiver takes the metrics over OTLP',
  zipkin: 'a Collector passes traces on to Zipkin',
  jaeger: 'Jaeger takes OTLP itself',
};

/** The exporters of OTEL_{SIGNAL}_EXPORTER; empty for `none` or when the option switches the signal off. */
export function resolveExporters(
  signal: Signal,
  environment: EnvironmentReader,
  enabled: boolean | undefined,
): ReadonlySet<ExporterName> {
  if (enabled === false) return new Set();
  const variable = `OTEL_${signal.toUpperCase()}_EXPORTER`;
  const named = environment.list(variable) ?? ['otlp'];
  if (named.includes('none')) return new Set();
  const known = named.filter((name): name is ExporterName => EXPORTERS.includes(name as ExporterName));
  for (const name of named.filter((name) => !EXPORTERS.includes(name as ExporterName)))
    environment.warn(
      `${variable}: ${JSON.stringify(name)} is not known; accepted are ${EXPORTERS.join(', ')}${ELSEWHERE[name] ? ` (${ELSEWHERE[name]})` : ''}. ${known.length > 0 ? `Only ${known.join(', ')} is used.` : 'otlp is used.'}`,
    );
  return new Set(known.length > 0 ? known : ['otlp']);
}

/** Sizes of a batch queue. */
export interface QueueSettings {
  readonly maxQueueSize: number;
  readonly maxBatchSize: number;
  readonly delayMs: number;
  readonly exportTimeoutMs: number;
}

/**
 * Larger and quicker than OpenTelemetry's 2048 / 512 / 5000 ms: those lose half of a burst of 20,000 spans/s behind
 * a receiver that takes 50 ms a request.
 */
const QUEUE_DEFAULTS: QueueSettings = {
  maxQueueSize: 16_384,
  maxBatchSize: 2048,
  delayMs: 1000,
  exportTimeoutMs: 30_000,
};

/** The queue of spans (prefix OTEL_BSP) or of log records (OTEL_BLRP). */
export function resolveQueue(
  prefix: 'OTEL_BSP' | 'OTEL_BLRP',
  environment: EnvironmentReader,
): QueueSettings {
  const maxQueueSize = environment.integer(`${prefix}_MAX_QUEUE_SIZE`, QUEUE_DEFAULTS.maxQueueSize, 1);
  const batch = `${prefix}_MAX_EXPORT_BATCH_SIZE`;
  const wanted = environment.integer(batch, Math.min(QUEUE_DEFAULTS.maxBatchSize, maxQueueSize), 1);
  if (wanted > maxQueueSize)
    environment.warn(`${batch}=${wanted} is above ${prefix}_MAX_QUEUE_SIZE; ${maxQueueSize} is used`);
  return {
    maxQueueSize,
    maxBatchSize: Math.min(wanted, maxQueueSize),
    delayMs: environment.milliseconds(`${prefix}_SCHEDULE_DELAY`, QUEUE_DEFAULTS.delayMs),
    exportTimeoutMs: environment.milliseconds(`${prefix}_EXPORT_TIMEOUT`, QUEUE_DEFAULTS.exportTimeoutMs),
  };
}

export interface MetricSettings {
  readonly intervalMs: number;
  readonly exportTimeoutMs: number;
  readonly temporality: TemporalityPreference;
}

/**
 * OpenTelemetry's default is 60 s. At 10 s the page shows a live process and an alert over a minute has six points;
 * a collection of a few hundred series costs about a millisecond.
 */
export const DEFAULT_METRIC_INTERVAL_MS = 10_000;
const DEFAULT_METRIC_TIMEOUT_MS = 30_000;

export function resolveMetrics(
  environment: EnvironmentReader,
  intervalOption: number | undefined,
): MetricSettings {
  const intervalMs = environment.milliseconds(
    'OTEL_METRIC_EXPORT_INTERVAL',
    intervalOption ?? DEFAULT_METRIC_INTERVAL_MS,
  );
  return {
    intervalMs,
    // One collection is exported at a time, so that a timeout above the interval means nothing.
    exportTimeoutMs: Math.min(
      environment.milliseconds('OTEL_METRIC_EXPORT_TIMEOUT', DEFAULT_METRIC_TIMEOUT_MS),
      intervalMs,
    ),
    temporality: environment.choice(
      'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
      TEMPORALITY_PREFERENCES,
      'cumulative',
    ),
  };
}
