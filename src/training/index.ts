export { startRun } from './start-run.ts';
export type { HistogramOptions, Run, StepTimer, ValueOptions } from './run.ts';
export type { ArtifactOptions, NoteSeverity, RunFacts, RunStats, StartRunOptions } from './run-options.ts';
export type { StepOptions, StepValues } from './values/recorder.ts';
export type { HistogramBins, HistogramInput } from './values/histogram.ts';
export type { PreferenceValues } from './values/preference.ts';
export type { AdapterParameters } from './values/adapter.ts';
export { type PhaseName, PHASES } from './phases.ts';
export type { Clock } from './clock.ts';
export type { BackOff } from './delivery/back-off.ts';
export type { DeliveryState } from './delivery/sender.ts';
export {
  type SyncedJournal,
  type SyncOptions,
  type SyncProgress,
  type SyncReport,
  syncJournals,
} from './sync.ts';
export { type JournalInfo, listJournals } from './journal/list.ts';
export {
  type JournalEntry,
  type JournalProblem,
  type ReadJournalOptions,
  readJournal,
} from './journal/reader.ts';
export type { JournalRecord, PlainMap, PlainValue } from './journal/record.ts';
export type { ResourceMap, SegmentHeader } from './journal/segment.ts';
export type { FsyncPolicy, JournalFs } from './journal/writer.ts';
export { type ExportReport, exportJournal, sinkRecords } from './export.ts';
export * from './tracker/index.ts';
