import type { RunEndStatus } from '../../conventions/index.ts';
import type { SinkArtifact, SinkMap, SinkRecord, SinkRun } from '../sink.ts';

/** How far a run's data are: what lies beyond is not saved. JSON. */
export interface DataPosition {
  /** Name in the run's folder. */
  readonly file: string;
  readonly bytes: number;
}

/** What is appended at once: records, or one artifact, or the end. */
export interface DataChunk {
  readonly records?: readonly SinkRecord[];
  readonly artifact?: SinkArtifact;
  readonly end?: {
    readonly status: RunEndStatus;
    readonly summary: SinkMap;
    readonly endedAt: number | undefined;
  };
}

/**
 * The data of a run in one format. The position is kept by its owner, in `run.json`: a position that was not kept
 * (a crash, a full disk) is simply not used, and what was written behind the old one is written over.
 */
export interface RunData {
  /** Goes on after `from`; undefined for a new run. Nothing is written yet. @returns where it will go on */
  open(run: SinkRun, from: DataPosition | undefined): Promise<DataPosition>;
  /** On the disk when it resolves. After a rejection the same `from` may come again. */
  append(from: DataPosition, chunk: DataChunk): Promise<DataPosition>;
  /** The run has ended: the position from which a resumed run goes on. */
  seal(from: DataPosition): DataPosition;
  /** This position is kept: what is complete by it may be compressed. */
  kept(position: DataPosition): void;
  close(): Promise<void>;
}
