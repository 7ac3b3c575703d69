export type { Attachment } from './attach/attachment.ts';
export { type ApiCopies, type ApiCopy, inspectApiCopies } from './attach/api-copies.ts';
export type { DropReason, Drops } from './dropped.ts';
export type {
  DeliveryOutcome,
  EventExporter,
  EventExporterOptions,
  EventRecord,
} from './event-exporter.ts';
export { addExitHook, type ExitHook, runExitHooks } from './exit.ts';
export type { ExitReason } from './exit-reason.ts';
export { BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter } from './instruments/bound.ts';
export { gpuFacts } from './instruments/gpu-facts.ts';
export { InstrumentProducer, type InstrumentProducerOptions } from './instruments/producer.ts';
export { Instrument, InstrumentRegistry, instruments } from './instruments/registry.ts';
export { createEventExporter } from './delivery/otlp-event-exporter.ts';
export { EnvironmentReader } from './settings/environment-reader.ts';
export { hostAttributes } from './settings/host-attributes.ts';
export { startDiagnostics } from './settings/diagnostics.ts';
export { packageVersion } from './package-version.ts';
export { currentTelemetry, startTelemetry } from './start.ts';
export type { Signal } from './signal.ts';
export type { Telemetry, TelemetryMode, TelemetryOptions } from './telemetry.ts';
