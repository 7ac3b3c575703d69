import type { RunSink } from '../sink.ts';
import type { SinkBackOff } from './back-off.ts';
import type { SinkProgress } from './progress.ts';
import type { Selection } from './selection.ts';
import type { ForwardSource } from './source.ts';

export interface ForwarderOptions {
  readonly sink: RunSink;
  readonly source: ForwardSource;
  readonly progress: SinkProgress;
  /** The sink has more than before; to be kept, now or soon, as one value. */
  readonly onProgress?: (progress: SinkProgress) => void;
  /** What a person should know; each kind of trouble at most once a minute. */
  readonly onTrouble?: (message: string) => void;
  /** The tracker asks for the run to stop. */
  readonly onStopRequested?: (reason: string) => void;
  /** The run is open in the tracker: what its spans may carry to be found there. */
  readonly onOpened?: (spanAttributes: Readonly<Record<string, string>>) => void;
  readonly selection?: Selection;
  /** Highest `seq` of the source, for the lag. */
  readonly head?: () => number;
  /** Failures in a row after which the sink is given up for this process. Default never. */
  readonly giveUpAfter?: number;
  readonly backOff?: SinkBackOff;
  /** Monotonic and calendar milliseconds. */
  readonly monotonic?: () => number;
  readonly now?: () => number;
  /** System samples kept while the tracker is away. Default 1000. */
  readonly maxSideRecords?: number;
}

/** How long somebody waits for what is recorded to be sent. */
export interface DrainOptions {
  readonly milliseconds: number;
  /** Failures in a row after which it is not waited for any longer. */
  readonly patience?: number;
  /** False: the process need not live for it. Default true. */
  readonly keepAlive?: boolean;
}
