export { CsvSink, JsonSink, LOCAL_FORMATS, type LocalFormat, type Output } from './local/index.ts';
export type {
  ConsoleRecord,
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
export { SinkRefused, SinkUnauthorized, SinkUnavailable } from './sink-errors.ts';
export { type Platform, type PlatformContext, revealed, type SecretText } from './platform.ts';
export { PLATFORMS, type PlatformName } from './platforms.ts';
