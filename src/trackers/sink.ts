import type { RunEndStatus } from '../conventions/index.ts';

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
  | (Recorded & { readonly kind: 'params'; readonly params: SinkMap })
  | (Recorded & { readonly kind: 'tags'; readonly tags: SinkMap })
  | (Recorded & { readonly kind: 'note'; readonly severity: string; readonly text: string });

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
 * A place that keeps one run: a tracker's server, a file. Methods are called one at a time, in this order: `open`,
 * any number of `write` and `artifact`, `close`.
 *
 * An implementer must keep:
 * - A promise resolves when the records are safe: what was resolved is not sent again.
 * - The same records may come twice (a crash between write and acknowledgement): by `seq`, or because the place
 *   overwrites, the result is as if they had come once.
 * - Steps may repeat and go backwards (a run that was resumed from a checkpoint): nothing is refused for that.
 * - Non-finite values are kept, or left out and counted where the place has no way to write them; never turned into
 *   0 or null silently.
 * - It rejects when the place does not take the records; it does not retry, and keeps no queue.
 */
export interface RunSink {
  /** For messages: `json`, `csv` ... */
  readonly name: string;
  /** Begins the run, or goes on with it when the place has it already. */
  open(run: SinkRun): Promise<void>;
  write(batch: readonly SinkRecord[]): Promise<void>;
  artifact(artifact: SinkArtifact): Promise<void>;
  /** Undefined: the run is still under way (or its end is not known). */
  close(status: RunEndStatus | undefined, summary: SinkMap): Promise<void>;
}
