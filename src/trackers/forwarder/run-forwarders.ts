import type { Tracker } from '../tracker-options.ts';
import type { SinkBackOff } from './back-off.ts';
import type { SinkCursorFile } from './cursor-file.ts';
import { SinkForwarder } from './forwarder.ts';
import type { DrainOptions } from './forwarder-options.ts';
import type { SinkHealth } from './health.ts';
import type { SinkProgress } from './progress.ts';
import { sinkKey } from './sink-key.ts';
import type { ForwardSource } from './source.ts';

export interface RunForwardersOptions {
  readonly trackers: readonly Tracker[];
  readonly run: { readonly id: string; readonly rank: number };
  /** A source of its own for each sink: they read at their own pace. */
  readonly source: () => ForwardSource;
  readonly cursors: SinkCursorFile;
  readonly head: () => number;
  /** What a person should know: a tracker that is down, a record that was refused. */
  readonly onTrouble: (message: string) => void;
  readonly onProgress?: () => void;
  readonly onOpened?: (spanAttributes: Readonly<Record<string, string>>) => void;
  readonly onStopRequested?: (reason: string, sink: string) => void;
  readonly backOff?: SinkBackOff | undefined;
}

/** Failures in a row after which a tracker with `onSinkError: warn` is given up. */
const PATIENCE_OF_WARN = 5;

interface Member {
  readonly tracker: Tracker;
  readonly forwarder: SinkForwarder;
  /** What the cursor file has. */
  saved: SinkProgress;
}

/**
 * One rank of a run and its trackers: each has its own cursor, its own pace and its own troubles. Nothing here throws.
 */
export class RunForwarders {
  readonly #cursors: SinkCursorFile;
  readonly #members: Member[] = [];
  /** Could not be made: their options cannot be. */
  readonly #leftOut: { tracker: Tracker; health: SinkHealth }[] = [];
  readonly #onTrouble: (message: string) => void;
  #toldOfCursors = false;

  constructor(options: RunForwardersOptions) {
    this.#cursors = options.cursors;
    this.#onTrouble = options.onTrouble;
    const keys = new Set<string>();
    for (const tracker of options.trackers) {
      if (options.run.rank > 0 && tracker.ranks === 'first') continue;
      try {
        const sink = tracker.create(options.run);
        if (!sink) continue;
        const key = sinkKey(sink);
        if (keys.has(key)) {
          this.#onTrouble(`The tracker ${key} is given twice; the second is left out.`);
          continue;
        }
        keys.add(key);
        const progress = options.cursors.get(key);
        this.#describe(key, tracker);
        this.#members.push({
          tracker,
          saved: progress,
          forwarder: new SinkForwarder({
            sink,
            source: options.source(),
            progress,
            selection: tracker.selection,
            head: options.head,
            onTrouble: options.onTrouble,
            ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
            ...(options.onOpened === undefined ? {} : { onOpened: options.onOpened }),
            onStopRequested: (reason) => options.onStopRequested?.(reason, sink.name),
            ...(tracker.onSinkError === 'warn' ? { giveUpAfter: PATIENCE_OF_WARN } : {}),
            ...(options.backOff === undefined ? {} : { backOff: options.backOff }),
          }),
        });
      } catch (error) {
        this.#onTrouble(`The tracker ${tracker.name} is left out: ${messageOf(error)}`);
        this.#leftOut.push({ tracker, health: leftOut(tracker.name, messageOf(error)) });
      }
    }
  }

  #describe(key: string, { description }: Tracker): void {
    if (!description) return;
    try {
      this.#cursors.describe(key, description);
    } catch {
      // a disk that takes nothing: the first save tells it
    }
  }

  get size(): number {
    return this.#members.length;
  }

  /** There may be more to send. */
  kick(): void {
    for (const { forwarder } of this.#members) forwarder.kick();
  }

  system(time: number, values: Readonly<Record<string, number>>): void {
    for (const { forwarder } of this.#members) forwarder.system(time, values);
  }

  console(time: number, stream: 'stdout' | 'stderr', text: string): void {
    for (const { forwarder } of this.#members) forwarder.console(time, stream, text);
  }

  /** Sends until each has everything or has failed, all at once; see `SinkForwarder.drain`. */
  async drain(options: DrainOptions): Promise<SinkHealth[]> {
    const health = await Promise.all(this.#members.map(({ forwarder }) => forwarder.drain(options)));
    this.save();
    return health;
  }

  health(): SinkHealth[] {
    return [
      ...this.#members.map(({ forwarder }) => forwarder.health()),
      ...this.#leftOut.map(({ health }) => health),
    ];
  }

  /** Every sink has everything, or is not tried any more. */
  get settled(): boolean {
    return this.health().every(
      ({ status, lag }) => status === 'given_up' || (status === 'current' && lag === 0),
    );
  }

  /** Those with `onSinkError: throw` that do not have everything. */
  failed(): SinkHealth[] {
    const members = this.#members.map(({ tracker, forwarder }) => ({ tracker, health: forwarder.health() }));
    return [...members, ...this.#leftOut]
      .filter(({ tracker }) => tracker.onSinkError === 'throw')
      .map(({ health }) => health)
      .filter(({ status }) => status !== 'current');
  }

  /** Keeps how far each is. Once a second is enough: what is sent twice after a crash counts once. */
  save(): void {
    for (const member of this.#members) {
      const { progress, key } = member.forwarder;
      if (progress === member.saved) continue;
      try {
        this.#cursors.set(key, progress);
        member.saved = progress;
      } catch (error) {
        if (this.#toldOfCursors) continue;
        this.#toldOfCursors = true;
        this.#onTrouble(
          `How far ${key} is could not be kept (${messageOf(error)}); it gets some records twice.`,
        );
      }
    }
  }

  /** Lets go of all sinks; what was not sent waits in the source. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map(({ forwarder }) => forwarder.stop()));
    this.save();
  }
}

function leftOut(sink: string, lastError: string): SinkHealth {
  return {
    sink,
    target: '',
    url: null,
    status: 'given_up',
    lag: 0,
    sent: 0,
    dropped: 0,
    lastSentAt: null,
    acknowledged: -1,
    retried: 0,
    refused: 0,
    refusals: [],
    lastError,
    lastErrorAt: null,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
