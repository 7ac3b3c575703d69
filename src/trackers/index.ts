export {
  CsvSink,
  EXPORT_FORMATS,
  type ExportFormat,
  type ExportFormatName,
  JsonSink,
  type LocalOptions,
  type Output,
  type RunExport,
} from './local/index.ts';
export type {
  ConsoleRecord,
  HistogramRecord,
  RunSink,
  SinkArtifact,
  SinkContext,
  SinkLimits,
  SinkMap,
  SinkRecord,
  SinkRun,
  SinkState,
  SinkValue,
  SystemRecord,
} from './sink.ts';
export {
  binsProblem,
  type Histogram,
  histogramBody,
  MAX_BINS,
  readHistogram,
} from './histogram.ts';
export { SinkRefused, SinkUnauthorized, SinkUnavailable } from './sink-errors.ts';
export { type Platform, type PlatformContext, revealed, type SecretText } from './platform.ts';
export { PLATFORMS, type PlatformName } from './platforms.ts';
export {
  COMMON_TRACKER_OPTIONS,
  type CommonTrackerOptions,
  readTrackers,
  type Tracker,
  type TrackerOptions,
} from './tracker-options.ts';
export { configuredTrackers, type ExperimentTracking } from './configured.ts';
export { RunForwarders, type RunForwardersOptions } from './forwarder/run-forwarders.ts';
export { SinkForwarder } from './forwarder/forwarder.ts';
export type { DrainOptions, ForwarderOptions } from './forwarder/forwarder-options.ts';
export { sinkKey } from './forwarder/sink-key.ts';
export { SINKS_FILE, SinkCursorFile, type TrackerDescription } from './forwarder/cursor-file.ts';
export type { SinkHealth, SinkStatus } from './forwarder/health.ts';
export type { ForwardSource, SourceEntry, SourceLimit } from './forwarder/source.ts';
export type { SinkBackOff } from './forwarder/back-off.ts';
export { checkMlflow, type MlflowCheck, type MlflowOptions } from './mlflow/index.ts';
export { SYSTEM_ENTRIES, SYSTEM_SAMPLE_MS, type SystemEntry } from './system-keys.ts';
