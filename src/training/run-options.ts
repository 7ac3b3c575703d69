import type { OptionNames, RunEndStatus } from '../conventions/index.ts';
import type { EventExporter } from '../telemetry/index.ts';
import type { InstrumentRegistry } from '../telemetry/index.ts';
import type { SinkBackOff, SinkHealth, TrackerOptions } from '../trackers/index.ts';
import type { Clock } from './clock.ts';
import type { BackOff } from './delivery/back-off.ts';
import type { DeliveryState } from './delivery/sender.ts';
import type { Compression } from './journal/segment.ts';
import type { FsyncPolicy, JournalFs } from './journal/writer.ts';

export interface StartRunOptions {
  /** What the run belongs to. */
  project: string;
  /** Default: two words and a number made from the id, the same in every rank. */
  name?: string;
  /** Hyper-parameters and whatever else explains the run: anything that can be written down. */
  params?: Readonly<Record<string, unknown>>;
  /** A list of words, or names with values. */
  tags?: readonly string[] | Readonly<Record<string, string | number | boolean>>;
  /** Runs that belong together (a sweep, the jobs of a pipeline). */
  group?: string;
  /**
   * Identity of the run, the same in all ranks. Default: LLM_OTEL_RUN_ID, else what the launcher shares, else random.
   * An id whose journal is here goes on counting where that ended.
   */
  id?: string;
  /** Goes on with this run, or with the newest one of this project (and name, when given) that is in `journalDir`. */
  resume?: string | boolean;
  /** Default LLM_OTEL_JOURNAL_DIR, else `./.llm-otel/journal`. */
  journalDir?: string;
  /** Default from RANK, SLURM_PROCID, OMPI_COMM_WORLD_RANK, PMI_RANK (and the sizes beside them), else 0 of 1. */
  rank?: number;
  worldSize?: number;
  /** Base URL of the OTLP/HTTP receiver; default as OpenTelemetry says (OTEL_EXPORTER_OTLP_ENDPOINT, http://127.0.0.1:4318). */
  endpoint?: string;
  headers?: Readonly<Record<string, string>>;
  /** Longest time that a record stays out of the journal, milliseconds. Default 1000. */
  flushInterval?: number;
  /** Longest time that `finish()` waits for the receiver, milliseconds. Default 10 000. */
  finishTimeout?: number;
  /** How sealed segments of the journal are compressed. Default not at all. */
  compress?: Compression | false;
  /** Size at which a segment is sealed, bytes. Default 16 MiB. */
  segmentBytes?: number;
  /** When the journal is forced to the disk. Default `seal`: a killed process loses nothing, a power cut may take the open segment. */
  fsync?: FsyncPolicy;
  /** Last values as gauges, and counters, for metric back ends. Default true. */
  gauges?: boolean;
  /** A step that takes so many times the usual gets a span of its own. Default 5; 0 for never. */
  slowStepFactor?: number;
  /** Records kept in memory while the receiver is away; beyond, they are read back from the journal. Default 20 000. */
  memoryRecords?: number;
  /** Told of every trouble beside the log; what it throws is ignored. */
  onError?: (error: Error) => void;
  /** Where variables are read. Default process.env. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Another way to send, or none at all (`false`: journal only). Default OTLP to `endpoint`. */
  exporter?: EventExporter | false;
  /**
   * Experiment trackers that get the run from this process, each at its own pace: with or without a hub.
   * `{platform: 'mlflow', trackingUri: 'http://127.0.0.1:5000'}` ...
   */
  trackers?: readonly TrackerOptions[];
  /**
   * Gives what the program prints (stdout, stderr) to the trackers that show it, line by line; W&B's page Logs,
   * Comet's Output. Default LLM_OTEL_CAPTURE_CONSOLE, else false, unless a tracker says `console: 'wrap'`.
   */
  captureConsole?: boolean;
  /** A tracker's page asks for the run to stop. */
  onStopRequested?: (reason: string, tracker: string) => void;
  /** For tests: time, files, waits, instruments. */
  clock?: Clock;
  journalFs?: JournalFs;
  backOff?: BackOff;
  instruments?: InstrumentRegistry;
  sinkBackOff?: SinkBackOff;
}

export const START_RUN_OPTIONS: OptionNames<StartRunOptions> = {
  project: true,
  name: true,
  params: true,
  tags: true,
  group: true,
  id: true,
  resume: true,
  journalDir: true,
  rank: true,
  worldSize: true,
  endpoint: true,
  headers: true,
  flushInterval: true,
  finishTimeout: true,
  compress: true,
  segmentBytes: true,
  fsync: true,
  gauges: true,
  slowStepFactor: true,
  memoryRecords: true,
  onError: true,
  env: true,
  exporter: true,
  trackers: true,
  captureConsole: true,
  onStopRequested: true,
  clock: true,
  journalFs: true,
  backOff: true,
  instruments: true,
  sinkBackOff: true,
};

/** Facts of a run that do not change. */
export interface RunFacts {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly group: string | undefined;
  readonly rank: number;
  readonly worldSize: number;
  /** 1 for the first start, one more for each resume. */
  readonly attempt: number;
}

export interface RunStats {
  /** Records made by this process. */
  recorded: number;
  /** Of those, in the journal. */
  journaled: number;
  /** Records that the receiver accepted in this process's time (of an earlier attempt too, after a resume). */
  delivered: number;
  /** Records that the receiver does not have yet. */
  pending: number;
  /** Steps that neither journal nor receiver could take. */
  dropped: number;
  /** Records that the receiver refused for good. */
  refused: number;
  /** Values that were no numbers, options that could not be used. */
  skipped: number;
  /** Calls after `finish()`. */
  late: number;
  /** Values that were NaN or infinite. */
  nonFinite: number;
  lastError: string | undefined;
  status: RunEndStatus | undefined;
  delivery: DeliveryState['state'];
  /** Where each tracker stands. */
  trackers: SinkHealth[];
}

export interface ArtifactOptions {
  /** Default: the file's name. */
  name?: string;
  /** `model`, `dataset`, `config` ...; default `file` (`folder` for a folder). */
  kind?: string;
  metadata?: Readonly<Record<string, unknown>>;
}

export const NOTE_SEVERITIES = { debug: 5, info: 9, warning: 13, error: 17 } as const;
export type NoteSeverity = keyof typeof NOTE_SEVERITIES;
