import type { RunEndStatus } from '../../conventions/index.ts';
import type { SinkArtifact, SinkMap, SinkRecord, SinkRun } from '../sink.ts';

/** One record of a run's durable stream, as sinks understand it. */
export interface SourceEntry {
  /** Place in the stream: grows by one or more from entry to entry, and never changes. */
  readonly seq: number;
  /** About how many bytes it is as JSON. */
  readonly size: number;
  /** It starts the run, or a further attempt of it: the sink is opened, whatever else there is. */
  readonly starts?: boolean;
  /** What it records; none for one that sinks do not know. One entry may be several (parameters and tags). */
  readonly records: readonly SinkRecord[];
  readonly artifact?: SinkArtifact;
  readonly end?: { readonly status: RunEndStatus; readonly summary: SinkMap; readonly time: number };
}

export interface SourceLimit {
  readonly records: number;
  /** About; a single entry may be larger. */
  readonly bytes: number;
}

/**
 * The durable records of one rank of a run: a journal, the hub's spool.
 *
 * An implementer must keep: the same entries come again for the same `seq`, in order, each once; what was given
 * survives the process's end.
 */
export interface ForwardSource {
  /** The next entries after `seq`; none when there are none now. */
  after(seq: number, limit: SourceLimit): Promise<readonly SourceEntry[]>;
  /** How the run started; undefined until that is known. */
  run(): Promise<SinkRun | undefined>;
  /** Lets go of open files. */
  close?(): Promise<void>;
}
