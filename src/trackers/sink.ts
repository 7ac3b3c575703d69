import type { RunEndStatus } from '../conventions/index.ts';
import type { Histogram } from './histogram.ts';

/** A value of a run's parameters, tags and metadata. Numbers may be NaN or infinite. */
export type SinkValue = string | number | boolean | null | SinkValue[] | { [key: string]: SinkValue };
export type SinkMap = { readonly [key: string]: SinkValue };

/** Facts of a run, known when it starts. */
export interface SinkRun {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly group: string | undefined;
  readonly rank: number;
  readonly worldSize: number;
  /** More than 1: the run is resumed, and the sink may know it. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly params: SinkMap;
  readonly tags: SinkMap;
  /** Commit, command line and so on. */
  readonly source: SinkMap;
  /** Where it runs; undefined when nobody said so. */
  readonly host?: string | undefined;
  readonly pid?: number | undefined;
  /** What it runs on, by OpenTelemetry's names (`host.cpu.model.name`, `host.gpus` ...); undefined when nobody said so. */
  readonly machine?: SinkMap | undefined;
}

interface Recorded {
  /** Place in the run's stream: with run and rank the record's identity. */
  readonly seq: number;
  /** Milliseconds since the epoch, fixed when the record was made. */
  readonly time: number;
}

/** What a run records while it runs. */
export type SinkRecord =
  | (Recorded & {
      readonly kind: 'step';
      readonly step: number;
      readonly epoch: number | undefined;
      /** By key; NaN, infinities and -0 are kept. */
      readonly values: Readonly<Record<string, number>>;
    })
  | HistogramRecord
  | (Recorded & { readonly kind: 'params'; readonly params: SinkMap })
  | (Recorded & { readonly kind: 'tags'; readonly tags: SinkMap })
  | (Recorded & { readonly kind: 'note'; readonly severity: string; readonly text: string })
  | SystemRecord
  | ConsoleRecord;

/** How values were distributed at a step. */
export interface HistogramRecord extends Recorded {
  readonly kind: 'histogram';
  readonly step: number;
  readonly epoch: number | undefined;
  /** `gradients/layer_1` ... */
  readonly name: string;
  readonly histogram: Histogram;
}

/**
 * A sample of host, GPU and process beside the run. It is no part of the run's journal (`seq` is -1): it is sent once
 * or not at all, and dropped before anything else is.
 */
export interface SystemRecord extends Recorded {
  readonly kind: 'system';
  /** Number of the sample in this run, from 0, going on after a resume: the step of trackers that want one. */
  readonly sample: number;
  /** By catalogue key: `system/cpu_percent`, `gpu_0/memory_used_gb` ... in the catalogue's units. */
  readonly values: Readonly<Record<string, number>>;
}

/** Whole lines that the program printed, without the line end. No part of the journal either (`seq` -1). */
export interface ConsoleRecord extends Recorded {
  readonly kind: 'console';
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface SinkArtifact extends Recorded {
  readonly name: string;
  readonly kind: string;
  /** Where it lay when it was recorded; it may be gone. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly metadata: SinkMap;
}

/**
 * How much a sink takes at once; the forwarder keeps to it. Defaults: 1000 records, 10 000 values, 1 MiB, every
 * 2 seconds at the earliest unless a batch is full, no heartbeat, 120 seconds.
 */
export interface SinkLimits {
  readonly maxRecords?: number;
  /** Values of all steps of a batch together (MLflow: 1000 metrics a request). A single step may have more. */
  readonly maxValues?: number;
  /** About, as JSON. A single record may be larger. */
  readonly maxBytes?: number;
  /**
   * Least time between the begins of two calls of `write`, milliseconds, full batches too: a tracker's rate limit.
   * Default 0.
   */
  readonly minIntervalMs?: number;
  /** How long records that do not fill a batch wait for more, milliseconds. */
  readonly lingerMs?: number;
  /** After so long without a call, `write([])` is called, for trackers that take silence for a crash. */
  readonly heartbeatMs?: number;
  /** A call that takes longer counts as `SinkUnavailable`; its signal is aborted. */
  readonly callTimeoutMs?: number;
}

/** What a sink wants to find again after a restart: JSON, small (an id, offsets). Kept beside its cursor. */
export type SinkState = { readonly [key: string]: SinkValue };

/** What the forwarder gives a sink when it opens a run. */
export interface SinkContext {
  /** What `state()` gave last, when this sink had this run before; undefined the first time. */
  readonly state: SinkState | undefined;
  /** Tells people something; once each text. No secrets. */
  readonly warn: (message: string) => void;
  /** The tracker's page asks for the run to stop (W&B's stop button). The program decides (`onStopRequested` of `startRun`). */
  readonly requestStop: (reason: string) => void;
}

/**
 * A place that keeps one run of one rank: a tracker's server, a file. Methods are called one at a time, in this order:
 * `open`, any number of `write` and `artifact`, `close`. After a rejected `open` the same sink is opened again later;
 * after a process's end a new sink is opened with the old one's state.
 *
 * An implementer must keep:
 * - A promise resolves when the records are safe: what was resolved is not sent again.
 * - The same records may come twice, cut into other batches (a crash between write and acknowledgement): by `seq`, by
 *   what `state()` remembers, or because the place overwrites, the result is as if they had come once. They come in
 *   the order of `seq`. `system` and `console` records have no `seq`, and do not come twice.
 * - `state()` fits what was resolved until then: the forwarder keeps it together with its cursor, after each call that
 *   resolved, in one atomic write. A crash may lose the newest of both, never one of them.
 * - Steps may repeat and go backwards (a run that was resumed from a checkpoint): nothing is refused for that.
 * - Non-finite values are kept, or left out and counted where the place has no way to write them; never turned into
 *   0 or null silently.
 * - It does not retry and keeps no queue. It rejects with `SinkUnavailable` (try again later), `SinkRefused` (these
 *   records never) or `SinkUnauthorized`; anything else that it throws counts as unavailable.
 * - It never prints; it tells through `context.warn`, and names no secret there nor in an error.
 * - It passes `signal` on to `fetch`, and does nothing further once it is aborted.
 */
export interface RunSink {
  /** For messages, and part of the cursor's key: `mlflow`, `wandb`, `json` ... */
  readonly name: string;
  /** Where it goes, for people and as the rest of the cursor's key, without credentials: a URL and a project, a folder. */
  readonly target?: string;
  readonly limits?: SinkLimits;
  /**
   * Records may come out of order, and for one that is missing a run may be opened again that was closed. A record on
   * which the tracker fails by itself (`SinkUnavailable`, `failedOnRequest`) again and again, while it takes the next
   * one, is then set aside; without this it holds up what comes after it. Default false.
   */
  readonly anyOrder?: boolean;
  /** Begins the run, or goes on with it when the place has it already. `context` is absent in a plain export to a file. */
  open(run: SinkRun, context?: SinkContext, signal?: AbortSignal): Promise<void>;
  /** An empty batch is a heartbeat. */
  write(batch: readonly SinkRecord[], signal?: AbortSignal): Promise<void>;
  artifact(artifact: SinkArtifact, signal?: AbortSignal): Promise<void>;
  /**
   * Undefined: the run is still under way (or its end is not known); what is open is let go, nothing is ended.
   * A run that has ended may be opened again: it was resumed.
   */
  close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    signal?: AbortSignal,
    /** When it ended, milliseconds since the epoch; absent where nobody knows. */
    endedAt?: number,
  ): Promise<void>;
  /** What to remember; undefined for nothing. */
  state?(): SinkState | undefined;
  /** Attributes by which a span tells its run in the tracker; known after `open`. The run's spans carry them. */
  spanAttributes?(): Readonly<Record<string, string>> | undefined;
  /** Page of the run in the tracker, when it has one; known after `open`. */
  url?(): string | undefined;
}
