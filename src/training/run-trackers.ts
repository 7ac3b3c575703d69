import { join } from 'node:path';
import {
  type DrainOptions,
  RunForwarders,
  SINKS_FILE,
  SYSTEM_SAMPLE_MS,
  type SinkBackOff,
  SinkCursorFile,
  type SinkHealth,
  type Tracker,
} from '../trackers/index.ts';
import { captureConsole } from './console/capture.ts';
import { LiveForwardSource, type LiveForwardSourceOptions } from './delivery/forward-source.ts';
import { Outbox, type QueuedRecord } from './delivery/outbox.ts';

export interface RunTrackersOptions extends Omit<LiveForwardSourceOptions, 'outbox'> {
  readonly trackers: readonly Tracker[];
  /** Highest `seq` that was given out. */
  readonly head: () => number;
  /** Records kept in memory for each tracker; the others are read back from the journal. */
  readonly memoryRecords: number;
  readonly onTrouble: (message: string) => void;
  readonly onProgress: () => void;
  /** A tracker has opened the run: attributes that its spans may carry. */
  readonly onOpened: (spanAttributes: Readonly<Record<string, string>>) => void;
  readonly onStopRequested: (reason: string, sink: string) => void;
  readonly backOff?: SinkBackOff | undefined;
  /** What host, GPUs and process are doing, by catalogue key; empty where nothing observes them. */
  readonly sample?: () => Readonly<Record<string, number>>;
  /** Calendar milliseconds. */
  readonly now?: () => number;
  /** Gives them what the process prints. */
  readonly captureConsole?: boolean;
}

/**
 * The trackers of a run under way. A step costs them nothing: they are given the records at each flush, by reference,
 * and send them between the program's own turns.
 */
export class RunTrackers {
  readonly #options: RunTrackersOptions;
  readonly #outboxes: Outbox[] = [];
  readonly #forwarders: RunForwarders;
  readonly #timer: NodeJS.Timeout;
  readonly #console: ReturnType<typeof captureConsole> | undefined;
  #lost = 0;

  constructor(options: RunTrackersOptions) {
    this.#options = options;
    const { trackers, header, dir, head, onTrouble, onProgress, onOpened, onStopRequested, backOff } =
      options;
    this.#forwarders = new RunForwarders({
      trackers,
      run: { id: header.run, rank: header.rank },
      source: () => {
        const outbox = new Outbox(options.memoryRecords);
        this.#outboxes.push(outbox);
        return new LiveForwardSource({ ...options, outbox });
      },
      cursors: new SinkCursorFile(join(dir, SINKS_FILE)),
      head,
      onTrouble,
      onProgress,
      onOpened,
      onStopRequested,
      backOff,
    });
    this.#timer = setInterval(() => this.#sample(), SYSTEM_SAMPLE_MS);
    this.#timer.unref();
    this.#console =
      options.captureConsole && this.#forwarders.size > 0
        ? captureConsole((stream, line) => this.#forwarders.console(this.#now(), stream, line))
        : undefined;
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }

  /** Nothing more of what the process prints is the run's; a line without an end is complete now. */
  endConsole(): void {
    this.#console?.stop();
  }

  /** Records that are about to be written to the journal. */
  push(records: readonly QueuedRecord[]): void {
    for (const outbox of this.#outboxes) outbox.push(records);
  }

  /** A flush is over; `written`: the journal has everything. */
  onFlushed(written: boolean): void {
    for (const outbox of this.#outboxes) {
      if (written) outbox.written();
      this.#onLost(outbox.trim());
    }
    this.#forwarders.kick();
  }

  #sample(): void {
    const values = this.#options.sample?.() ?? {};
    if (Object.keys(values).length > 0) this.#forwarders.system(this.#now(), values);
  }

  drain(options: DrainOptions): Promise<SinkHealth[]> {
    return this.#forwarders.drain(options);
  }

  health(): SinkHealth[] {
    return this.#forwarders.health();
  }

  get settled(): boolean {
    return this.#forwarders.settled;
  }

  /** Whether one has `onSinkError: throw`. */
  get mayThrow(): boolean {
    return this.#options.trackers.some(({ onSinkError }) => onSinkError === 'throw');
  }

  /** Of those with `onSinkError: throw`. */
  failed(): SinkHealth[] {
    return this.#forwarders.failed();
  }

  save(): void {
    this.#forwarders.save();
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    this.endConsole();
    return this.#forwarders.stop();
  }

  #onLost(count: number): void {
    if (count === 0) return;
    if (this.#lost === 0)
      this.#options.onTrouble(
        `Steps are missing in a tracker, ${count} to begin with: the journal cannot be written, and the tracker has not taken them.`,
      );
    this.#lost += count;
  }
}

/** A tracker with `onSinkError: throw` did not take the run. */
export class TrackerError extends Error {
  readonly trackers: readonly SinkHealth[];

  constructor(trackers: readonly SinkHealth[]) {
    const what = trackers.map(
      ({ sink, target, lastError }) =>
        `${sink}${target === '' ? '' : ` (${target})`}: ${lastError ?? 'no answer'}`,
    );
    super(
      `${what.join('; ')}. The records are in the journal; \`llm-otel sync\` sends them. With onSinkError: spool the program goes on instead.`,
    );
    this.name = 'TrackerError';
    this.trackers = trackers;
  }
}
