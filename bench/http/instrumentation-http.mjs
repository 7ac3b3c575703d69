/** What is compared against: @opentelemetry/instrumentation-http alone, on a plain SDK with spans and metrics as OTLP protobuf. */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { metrics } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const provider = new NodeTracerProvider({
  spanProcessors: [
    // The queue of register: the comparison is about cost, not about who drops more.
    new BatchSpanProcessor(new OTLPTraceExporter(), {
      maxQueueSize: 8192,
      maxExportBatchSize: 1024,
      scheduledDelayMillis: 1000,
    }),
  ],
});
provider.register();
const meterProvider = new MeterProvider({
  readers: [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter(),
      exportIntervalMillis: 10_000,
      exportTimeoutMillis: 5_000,
    }),
  ],
});
metrics.setGlobalMeterProvider(meterProvider);

new HttpInstrumentation().enable();
const require = createRequire(import.meta.url);
require('http');
require('https');
syncBuiltinESMExports();
