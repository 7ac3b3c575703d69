import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { asSdk2Span } from '../attach/sdk1-span.ts';
import type { DropCounter } from '../dropped.ts';
import type { EndpointHealth } from './endpoint-health.ts';
import type { EnvironmentReader } from '../settings/environment-reader.ts';
import { ExportPipeline } from './export-pipeline.ts';
import type { EncodedCollection } from '../sdk/metric-exporter.ts';
import { LOGS_CODEC, METRICS_CODEC, TRACE_CODEC } from './otlp-codec.ts';
import { type MetricSettings, resolveQueue } from '../settings/signal-settings.ts';
import type { OtlpTarget } from '../settings/target.ts';

/** What every pipeline of a process shares. */
interface Shared {
  readonly environment: EnvironmentReader;
  readonly drops: DropCounter;
  /** One a receiver, since signals may go to different ones. */
  readonly healthOf: (target: OtlpTarget) => EndpointHealth;
}

/** Collections kept through an outage: ten minutes at the default interval; the oldest gives way. */
const MAX_COLLECTIONS = 60;

export function createTracePipeline(target: OtlpTarget, shared: Shared): ExportPipeline<ReadableSpan> {
  const codec = TRACE_CODEC[target.protocol];
  return new ExportPipeline<ReadableSpan>({
    target,
    settings: resolveQueue('OTEL_BSP', shared.environment),
    partial: codec.partial,
    encode: async (spans) => {
      await completeResources(spans);
      return codec.encode(spans.map(asSdk2Span));
    },
    drops: shared.drops,
    health: shared.healthOf(target),
  });
}

export function createLogPipeline(target: OtlpTarget, shared: Shared): ExportPipeline<ReadableLogRecord> {
  const codec = LOGS_CODEC[target.protocol];
  return new ExportPipeline<ReadableLogRecord>({
    target,
    settings: resolveQueue('OTEL_BLRP', shared.environment),
    partial: codec.partial,
    encode: (records) => codec.encode(records),
    drops: shared.drops,
    health: shared.healthOf(target),
  });
}

export function createMetricPipeline(
  target: OtlpTarget,
  settings: MetricSettings,
  shared: Shared,
): ExportPipeline<EncodedCollection> {
  return new ExportPipeline<EncodedCollection>({
    target,
    // One request a collection, sent as soon as it is made.
    settings: {
      maxQueueSize: MAX_COLLECTIONS,
      maxBatchSize: 1,
      delayMs: 0,
      exportTimeoutMs: settings.exportTimeoutMs,
    },
    partial: METRICS_CODEC[target.protocol].partial,
    encode: ([collection]) => (collection as EncodedCollection).body,
    count: (collection) => collection.points,
    whenFull: 'oldest',
    drops: shared.drops,
    health: shared.healthOf(target),
  });
}

/** Spans of another SDK may have a resource that detectors are still filling. */
async function completeResources(spans: readonly ReadableSpan[]): Promise<void> {
  const pending = new Set(
    spans.map((span) => span.resource).filter((resource) => resource?.asyncAttributesPending),
  );
  for (const resource of pending) await resource.waitForAsyncAttributes?.();
}
