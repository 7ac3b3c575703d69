import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  ConsoleLogRecordExporter,
  LoggerProvider,
  type LogRecordProcessor,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs';
import {
  ConsoleMetricExporter,
  MeterProvider,
  type MetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import {
  ConsoleSpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import type { EnvironmentReader } from '../settings/environment-reader.ts';
import { InstrumentProducer } from '../instruments/producer.ts';
import { instruments } from '../instruments/registry.ts';
import { PooledIdGenerator } from './id-generator.ts';
import { QueueLogProcessor } from './log-processor.ts';
import { type EncodedCollection, QueueMetricExporter } from './metric-exporter.ts';
import { METRICS_CODEC } from '../delivery/otlp-codec.ts';
import { packageVersion } from '../package-version.ts';
import type { ExportPipeline } from '../delivery/export-pipeline.ts';
import type { ResourceAttributes } from '../settings/resource.ts';
import { resolveSampler, resolveSpanLimits } from '../settings/sampler.ts';
import type { ExporterName, MetricSettings } from '../settings/signal-settings.ts';
import { QueueSpanProcessor } from './span-processor.ts';

/** What a provider is built from; a pipeline where the signal goes out over OTLP. */
interface ProviderParts<T> {
  readonly attributes: ResourceAttributes;
  readonly exporters: ReadonlySet<ExporterName>;
  readonly pipeline: ExportPipeline<T> | undefined;
}

export function createTracerProvider(
  parts: ProviderParts<ReadableSpan>,
  environment: EnvironmentReader,
): NodeTracerProvider {
  const spanProcessors: SpanProcessor[] = [];
  if (parts.pipeline) spanProcessors.push(new QueueSpanProcessor(parts.pipeline.queue));
  if (parts.exporters.has('console')) spanProcessors.push(new SimpleSpanProcessor(new ConsoleSpanExporter()));
  return new NodeTracerProvider({
    resource: toResource(parts.attributes),
    sampler: resolveSampler(environment),
    idGenerator: new PooledIdGenerator(),
    spanLimits: resolveSpanLimits(environment),
    spanProcessors,
  });
}

export function createLoggerProvider(parts: ProviderParts<ReadableLogRecord>): LoggerProvider {
  const processors: LogRecordProcessor[] = [];
  if (parts.pipeline) processors.push(new QueueLogProcessor(parts.pipeline.queue));
  if (parts.exporters.has('console'))
    processors.push(new SimpleLogRecordProcessor({ exporter: new ConsoleLogRecordExporter() }));
  return new LoggerProvider({ resource: toResource(parts.attributes), processors });
}

/** Every reader gets a producer of its own: it holds what a delta is counted from. */
export function createMeterProvider(
  parts: ProviderParts<EncodedCollection>,
  settings: MetricSettings,
): MeterProvider {
  const readers: MetricReader[] = [];
  const read = (exporter: PushMetricExporter, temporality: 'cumulative' | 'delta'): void => {
    readers.push(
      new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis: settings.intervalMs,
        exportTimeoutMillis: settings.exportTimeoutMs,
        metricProducers: [
          new InstrumentProducer({ registry: instruments, temporality, version: packageVersion() }),
        ],
      }),
    );
  };
  if (parts.pipeline) {
    const codec = METRICS_CODEC[parts.pipeline.target.protocol];
    read(
      new QueueMetricExporter(parts.pipeline.queue, (metrics) => codec.encode(metrics), settings.temporality),
      settings.temporality === 'cumulative' ? 'cumulative' : 'delta',
    );
  }
  if (parts.exporters.has('console')) read(new ConsoleMetricExporter(), 'cumulative');
  return new MeterProvider({ resource: toResource(parts.attributes), readers });
}

function toResource(attributes: ResourceAttributes): Resource {
  return resourceFromAttributes(attributes);
}
