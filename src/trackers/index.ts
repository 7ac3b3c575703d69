export { CsvSink, JsonSink, LOCAL_FORMATS, type LocalFormat, type Output } from './local/index.ts';
export type { RunSink, SinkArtifact, SinkMap, SinkRecord, SinkRun, SinkValue } from './sink.ts';
