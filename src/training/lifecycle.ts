import { ATTR, EVENT, METRIC, type RunEndStatus } from '../conventions/index.ts';
import type { BoundUpDownCounter, ExitHook, ExitReason, InstrumentRegistry } from '../telemetry/index.ts';
import { type Clock, SystemClock } from './clock.ts';
import type { Outbox } from './delivery/outbox.ts';
import type { DeliveryState, Sender } from './delivery/sender.ts';
import type { RunInstruments } from './instruments.ts';
import type { CursorFile } from './journal/cursor.ts';
import type { FolderLock } from './journal/lock.ts';
import type { PlainMap } from './journal/record.ts';
import type { JournalWriter } from './journal/writer.ts';
import type { RunRecords } from './records.ts';
import type { RunLog } from './run-log.ts';
import type { RunFacts, RunStats } from './run-options.ts';
import { type RunTrackers, TrackerError } from './run-trackers.ts';

export interface LifecycleParts {
  facts: RunFacts;
  clock: Clock;
  log: RunLog;
  records: RunRecords;
  outbox: Outbox;
  writer: JournalWriter;
  cursor: CursorFile;
  lock: FolderLock | undefined;
  sender: Sender | undefined;
  trackers: RunTrackers | undefined;
  exporterShutdown: () => Promise<void>;
  instruments: RunInstruments | undefined;
  registry: InstrumentRegistry;
  firstSeq: number;
  flushInterval: number;
  finishTimeout: number;
  addExitHook: (hook: ExitHook) => () => void;
  /** Sends spans and metrics that are recorded until now. */
  flushTelemetry: () => Promise<void>;
  /** Compressions of sealed segments that are under way. */
  sealing: () => Promise<void>;
  onTrouble: (message: string) => void;
}

/** How a run ends when its process does. */
const STATUS_AT_EXIT: Readonly<Record<Exclude<ExitReason, 'exit'>, RunEndStatus>> = {
  drained: 'finished',
  shutdown: 'finished',
  SIGTERM: 'killed',
  SIGINT: 'killed',
  uncaughtException: 'failed',
};
/** Before telemetry flushes, so that what a run says last is sent too. */
const END_ORDER = 10;
const LOCK_TOUCH_MS = 30_000;

/** Timer, end and exit of a run. */
export class RunLifecycle {
  readonly #parts: LifecycleParts;
  readonly #timer: NodeJS.Timeout;
  readonly #removeHooks: (() => void)[];
  readonly #pendingGauge: BoundUpDownCounter;
  #endStatus: RunEndStatus | undefined;
  /** `seq` of the end record. */
  #endSeq = -1;
  #finishing: Promise<DeliveryState> | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;
  #signal: 'SIGTERM' | 'SIGINT' | undefined;
  #touchedAt: number;
  #cursorSaved: number;
  #lastError: string | undefined;
  #brokenToldOf = new Set<string>();
  #toldOfWaiting = false;
  /** Error of the last phase that failed, until a step or a phase goes well after it. */
  runawayError: unknown;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
    this.#touchedAt = parts.clock.monotonic();
    this.#cursorSaved = parts.sender?.state().acknowledged ?? -1;
    this.#pendingGauge = parts.registry
      .upDownCounter(METRIC.eventsPending, 'llm-otel')
      .bind({ [ATTR.runId]: parts.facts.id, [ATTR.rank]: parts.facts.rank });
    // a little early, so that a loop which yields never has to flush within a step
    this.#timer = setInterval(() => this.#tick(), Math.max(1, parts.flushInterval * 0.8));
    this.#timer.unref();
    this.#removeHooks = [
      parts.addExitHook({
        name: `run ${parts.facts.id} (journal)`,
        order: END_ORDER - 1,
        beside: true,
        flush: (reason) => {
          if (reason === 'SIGTERM' || reason === 'SIGINT') this.#signal = reason;
          parts.log.flush(true);
        },
      }),
      parts.addExitHook({
        name: `run ${parts.facts.id}`,
        order: END_ORDER,
        flush: (reason) => this.#onExit(reason),
        sync: (reason) => this.#onExitSync(reason),
        pending: () => !this.#closed && (this.#endStatus === undefined || parts.log.waiting > 0),
      }),
    ];
  }

  finish(status: RunEndStatus, summary: PlainMap): Promise<DeliveryState> {
    this.#finishing ??= this.#finish(status, summary);
    return this.#finishing;
  }

  async #finish(status: RunEndStatus, summary: PlainMap): Promise<DeliveryState> {
    const { instruments, sender, trackers, finishTimeout, flushTelemetry } = this.#parts;
    trackers?.endConsole();
    this.#end(status, summary);
    this.#parts.records.closed = true;
    const limit = { milliseconds: finishTimeout };
    // the last values must be seen once before their series go
    await Promise.all([sender?.drain(limit), trackers?.drain(limit), instruments && flushTelemetry()]);
    instruments?.remove();
    const state = this.#state();
    this.#saveCursor();
    if (this.#settled()) await this.#close();
    else {
      this.#tellOfWaiting();
    }
    const failed = trackers?.failed() ?? [];
    if (failed.length > 0) throw new TrackerError(failed);
    return state;
  }

  /** That have ended without a word: who failed has said so. */
  #tellOfWaiting(): void {
    const { sender, trackers, log, facts, onTrouble } = this.#parts;
    if (sender && !this.#delivered()) {
      this.#toldOfWaiting = true;
      const waiting = log.failing
        ? 'are in memory only, since the journal cannot be written. They are sent when the receiver is back before the process ends, and lost otherwise'
        : 'wait in the journal. They are sent when the receiver is back, or by `llm-otel sync`';
      onTrouble(`Run ${facts.id} has ended; ${this.#pending()} of its records ${waiting}.`);
    }
    for (const { sink, target, status, lag, lastError } of trackers?.health() ?? [])
      if (status === 'sending' && lag > 0 && lastError === null)
        onTrouble(
          `Run ${facts.id} has ended; ${sink} (${target}) has not taken ${lag} of its records yet. They wait in the journal and are sent while the program goes on, or by \`llm-otel sync\`.`,
        );
  }

  /**
   * Waits for the trackers whose failure is the program's (`onSinkError: throw`).
   * @throws TrackerError when one of them cannot be opened; the run is closed then.
   */
  async trackersOpened(): Promise<void> {
    const { trackers, finishTimeout } = this.#parts;
    if (!trackers?.mayThrow) return;
    await trackers.drain({ milliseconds: finishTimeout, patience: 1 });
    const failed = trackers.failed();
    if (failed.length === 0) return;
    this.#end('failed');
    this.#parts.records.closed = true;
    await this.#close();
    throw new TrackerError(failed);
  }

  async flush(): Promise<DeliveryState> {
    this.#parts.log.flush(true);
    const { sender, trackers, finishTimeout } = this.#parts;
    const limit = { milliseconds: finishTimeout };
    await Promise.all([sender?.drain(limit), trackers?.drain(limit)]);
    this.#saveCursor();
    if (this.#finishing && this.#settled()) await this.#close();
    return this.#state();
  }

  stats(): RunStats {
    const { log, records, outbox, firstSeq } = this.#parts;
    const state = this.#state();
    return {
      recorded: log.nextSeq - firstSeq,
      journaled: Math.max(0, log.journaled - firstSeq + 1),
      delivered: state.delivered,
      pending: this.#pending(),
      dropped: outbox.lost,
      refused: state.refused,
      skipped: records.skipped,
      late: records.late,
      nonFinite: records.recorder.nonFiniteValues,
      lastError: state.lastError ?? this.#lastError,
      status: this.#endStatus,
      delivery: state.state,
      trackers: this.#parts.trackers?.health() ?? [],
    };
  }

  /** Something in here went wrong: never the program's trouble. Each kind is told once. */
  onBroken(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#lastError = message;
    if (this.#brokenToldOf.has(message) || this.#brokenToldOf.size >= 20) return;
    this.#brokenToldOf.add(message);
    this.#parts.onTrouble(message);
  }

  /** A phase went well (undefined) or failed. */
  onPhaseEnded(error: unknown): void {
    this.runawayError = error;
  }

  /** The receiver has more: kept for the next tick. A run that has ended is closed when all is there. */
  onProgress(): void {
    this.#pendingGauge.set(this.#pending());
    if (!this.#finishing || !this.#settled()) return;
    const close = (): Promise<void> => this.#close();
    void this.#finishing.then(close, close);
  }

  onFlushed(): void {
    this.#pendingGauge.set(this.#pending());
    const { sender, trackers, log } = this.#parts;
    sender?.kick();
    trackers?.onFlushed(!log.failing);
  }

  #tick(): void {
    const { clock, log, lock } = this.#parts;
    log.flush();
    this.#saveCursor();
    const now = clock.monotonic();
    if (now - this.#touchedAt >= LOCK_TOUCH_MS) {
      this.#touchedAt = now;
      lock?.touch();
    }
    if (clock instanceof SystemClock) clock.follow();
  }

  /** Records the end, once; a process that goes on after an end at exit opens the run again by recording. */
  #end(status: RunEndStatus, summary: PlainMap = {}): void {
    const { records, log } = this.#parts;
    if (this.#endStatus === undefined || log.nextSeq > this.#endSeq + 1) {
      records.emit(EVENT.runEnd, { [ATTR.runStatus]: status }, summary);
      this.#endSeq = log.nextSeq - 1;
      this.#endStatus = status;
    }
    log.flush(true);
  }

  async #onExit(reason: ExitReason): Promise<void> {
    if (this.#closed) return;
    const { sender, trackers } = this.#parts;
    trackers?.endConsole();
    if (!this.#finishing) this.#end(this.#statusAt(reason));
    // a receiver that is down must not hold up the end of the process: the journal has everything
    const limit = { milliseconds: 60_000, patience: 1, keepAlive: false };
    await Promise.all([this.#delivered() ? undefined : sender?.drain(limit), trackers?.drain(limit)]);
    this.#saveCursor();
    if (sender && !this.#delivered() && !this.#toldOfWaiting)
      this.#parts.onTrouble(
        `${this.#pending()} records of run ${this.#parts.facts.id} wait in the journal; \`llm-otel sync\` sends them.`,
      );
  }

  #onExitSync(reason: ExitReason): void {
    if (this.#closed) return;
    if (!this.#finishing) this.#end(this.#statusAt(reason));
    else this.#parts.log.flush(true);
    this.#saveCursor();
    try {
      this.#parts.writer.seal();
    } catch (error) {
      this.onBroken(error);
    }
    this.#parts.lock?.release();
  }

  #statusAt(reason: ExitReason): RunEndStatus {
    if (this.#signal) return 'killed';
    const failed = Number(process.exitCode ?? 0) !== 0;
    if (reason === 'exit' || reason === 'drained') return failed ? 'failed' : 'finished';
    return STATUS_AT_EXIT[reason];
  }

  #state(): DeliveryState {
    const { sender } = this.#parts;
    if (sender) return sender.state();
    return { state: 'off', url: '', acknowledged: -1, delivered: 0, refused: 0, lastError: undefined };
  }

  #pending(): number {
    const { sender, log, outbox } = this.#parts;
    if (!sender) return 0;
    return Math.max(0, log.nextSeq - 1 - sender.state().acknowledged - outbox.lost);
  }

  #delivered(): boolean {
    const { sender, log } = this.#parts;
    return sender !== undefined && sender.state().acknowledged >= log.nextSeq - 1;
  }

  /** Nobody waits for anything any more. */
  #settled(): boolean {
    const { sender, trackers } = this.#parts;
    return (!sender || this.#delivered()) && (trackers?.settled ?? true);
  }

  #saveCursor(): void {
    const { sender, cursor, trackers } = this.#parts;
    trackers?.save();
    const acknowledged = sender?.acknowledged();
    if (!acknowledged || acknowledged.seq === this.#cursorSaved) return;
    try {
      cursor.set(sender?.state().url ?? '', acknowledged);
      this.#cursorSaved = acknowledged.seq;
    } catch (error) {
      // harmless: these records would be sent again; of a disk that takes nothing the journal has told already
      if (!this.#parts.log.failing) this.onBroken(error);
    }
  }

  /** Lets go of everything. Once; who comes later waits for it too. */
  #close(): Promise<void> {
    this.#closing ??= this.#release();
    return this.#closing;
  }

  async #release(): Promise<void> {
    this.#closed = true;
    const { sender, trackers, writer, lock, registry, exporterShutdown, sealing } = this.#parts;
    clearInterval(this.#timer);
    for (const remove of this.#removeHooks) remove();
    sender?.stop();
    registry.upDownCounter(METRIC.eventsPending, 'llm-otel').remove(this.#pendingGauge);
    try {
      this.#saveCursor();
      writer.seal();
      await sealing();
      await trackers?.stop();
      await exporterShutdown();
    } catch (error) {
      this.onBroken(error);
    }
    lock?.release();
  }
}
