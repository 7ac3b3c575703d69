import type { RunSink, SinkContext, SinkLimits } from '../sink.ts';
import { type SinkBackOff, SINK_BACK_OFF, waitMs } from './back-off.ts';
import { DEFAULT_LIMITS, nextPortion, type Portion } from './batch.ts';
import { Feed } from './feed.ts';
import type { SinkHealth, SinkStatus } from './health.ts';
import type { RefusedRecord, SinkProgress } from './progress.ts';
import { createSelector, type Selection, type Selector } from './selection.ts';
import { type SideRecord, SideRecords } from './side-records.ts';
import { type CallOutcome, callSink } from './sink-call.ts';
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
  readonly selection?: Selection;
  /** Highest `seq` of the source, for the lag. */
  readonly head?: () => number;
  /** Failures in a row after which the sink is given up for this process. Default never. */
  readonly giveUpAfter?: number;
  readonly backOff?: SinkBackOff;
  /** Monotonic and calendar milliseconds. */
  readonly monotonic?: () => number;
  readonly now?: () => number;
  /** System samples and console lines kept while the tracker is away. Default 1000. */
  readonly maxSideRecords?: number;
}

type Failure = Extract<CallOutcome, { ok: false }>;
type Trouble = Extract<SinkStatus, 'unavailable' | 'refusing' | 'unauthorized'>;

/** Failures in a row after which only a small batch is tried: an ill tracker must not be kept ill. */
const BREAKER_AT = 3;
const PROBE_RECORDS = 50;
/** Records refused alone one after the other, none taken between, before the tracker itself is taken to be wrong. */
const MAX_SUSPECTS = 100;
const TELL_AGAIN_MS = 60_000;
/** Waits for what is not going to heal by itself are longer by this. */
const HOPELESS_FACTOR = 10;
const KEPT_REFUSALS = 100;
/** A sink that is let go has so long to do it. */
const CLOSE_TIMEOUT_MS = 5000;

/**
 * Forwards one rank of a run to one sink: reads the durable source from the sink's cursor on, in order, one call at a
 * time, and moves the cursor when the sink has taken a portion. It never throws and never rejects; a sink that fails
 * is tried again with back-off, and the source is the spool meanwhile.
 *
 * A refused batch is halved until the bad record stands alone; that one is set aside and told.
 */
export class SinkForwarder {
  readonly #options: ForwarderOptions;
  readonly #sink: RunSink;
  readonly #limits: SinkLimits & Required<Omit<SinkLimits, 'heartbeatMs'>>;
  readonly #selector: Selector;
  readonly #feed: Feed;
  readonly #side: SideRecords;
  readonly #monotonic: () => number;
  readonly #stop = new AbortController();
  #progress: SinkProgress;
  #opened = false;
  /** Entries that a call may take now. */
  #entries: number;
  #suspects: RefusedRecord[] = [];
  #failures = 0;
  #trouble: Trouble | undefined;
  #givenUp = false;
  readonly #toldAt = new Map<string, number>();
  readonly #warned = new Set<string>();
  #lastError: string | undefined;
  #lastErrorAt: number | undefined;
  #lastSentAt: number | undefined;
  #sent = 0;
  #retried = 0;
  #lastCallAt = -Infinity;
  #notBefore = -Infinity;
  #running: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  /** True while somebody waits: no lingering. */
  #hurry = false;
  /** Failures that a drain still puts up with. */
  #patience = 0;
  /** When the tracker, by Retry-After, wants to be asked again. */
  #askedUntil = -Infinity;
  #lastOutcome: Failure | undefined;
  #letGo: Promise<void> | undefined;
  /** A batch with side records was refused: they go alone until some are taken. */
  #sideApart = false;

  /** @throws TypeError for a selection that cannot be. */
  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#sink = options.sink;
    this.#limits = { ...DEFAULT_LIMITS, ...options.sink.limits };
    this.#entries = this.#limits.maxRecords;
    this.#progress = options.progress;
    this.#selector = createSelector(options.selection ?? {});
    this.#feed = new Feed(options.source, options.progress.seq);
    this.#side = new SideRecords(options.maxSideRecords ?? 1000, options.progress.samples);
    this.#monotonic = options.monotonic ?? (() => performance.now());
  }

  /** Name and target: what the progress is kept under. */
  get key(): string {
    return sinkKey(this.#sink);
  }

  get progress(): SinkProgress {
    return this.#progress;
  }

  /** There may be more to send. Costs nothing at once, and does not shorten a wait after a failure. */
  kick(): void {
    if (this.#stopped || this.#timer) return;
    if (this.#running) this.#again = true;
    else this.#schedule(0);
  }

  /** A sample of host, GPU and process, by catalogue key. */
  system(time: number, values: Readonly<Record<string, number>>): void {
    if (this.#stopped) return;
    this.#side.system(time, values);
    this.kick();
  }

  /** A line that the program printed. */
  console(time: number, stream: 'stdout' | 'stderr', text: string): void {
    if (this.#stopped) return;
    this.#side.console(time, stream, text);
    this.kick();
  }

  /**
   * Sends until the sink has everything, `patience` failures in a row have come (default 3), or the time is up. Keeps
   * the process alive meanwhile.
   */
  async drain(options: { milliseconds: number; patience?: number }): Promise<SinkHealth> {
    if (this.#stopped) return this.health();
    this.#hurry = true;
    this.#patience = options.patience ?? 3;
    this.#clearTimer();
    // what the tracker asked for is kept to; our own patience is over
    this.#notBefore = this.#askedUntil;
    let alive: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => {
      alive = setTimeout(resolve, options.milliseconds);
    });
    const work = async (): Promise<void> => {
      // a run under way may have decided to linger just before
      await this.#running;
      this.#clearTimer();
      await this.#start();
    };
    await Promise.race([work(), timeUp]);
    clearTimeout(alive);
    this.#hurry = false;
    return this.health();
  }

  /** Begins no further call, ends the one under way, and lets go of the sink. What was not sent waits in the source. */
  stop(): Promise<void> {
    this.#stop.abort();
    this.#clearTimer();
    this.#letGo ??= this.#close();
    return this.#letGo;
  }

  async #close(): Promise<void> {
    await this.#running;
    if (this.#opened) {
      this.#opened = false;
      await callSink(
        (signal) => this.#sink.close(undefined, {}, signal),
        CLOSE_TIMEOUT_MS,
        new AbortController().signal,
      );
      this.#remember({});
    }
    await this.#options.source.close?.();
  }

  health(): SinkHealth {
    const { seq, refused, refusedTotal } = this.#progress;
    const lag = Math.max(0, (this.#options.head?.() ?? seq) - seq);
    const status = this.#givenUp
      ? 'given_up'
      : (this.#trouble ?? (lag === 0 && this.#suspects.length === 0 ? 'current' : 'sending'));
    return {
      sink: this.#sink.name,
      target: this.#sink.target ?? '',
      url: this.#sink.url?.() ?? null,
      status,
      acknowledged: seq,
      lag,
      sent: this.#sent,
      retried: this.#retried,
      refused: refusedTotal,
      refusals: refused.slice(-10).map((record) => ({ ...record })),
      dropped: this.#side.dropped,
      lastError: this.#lastError ?? null,
      lastErrorAt: this.#lastErrorAt ?? null,
      lastSentAt: this.#lastSentAt ?? null,
    };
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  #start(): Promise<void> {
    if (this.#running) this.#again = true;
    else
      this.#running = this.#run()
        .catch((error: unknown) => this.#tell('broken', `${this.#sink.name}: ${messageOf(error)}`))
        .finally(() => {
          this.#running = undefined;
          this.#whenIdle();
        });
    return this.#running;
  }

  #schedule(milliseconds: number): void {
    this.#clearTimer();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#start();
    }, milliseconds);
    this.#timer.unref();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Nothing to do: a kick that came meanwhile is followed; else a heartbeat keeps the tracker from worrying. */
  #whenIdle(): void {
    if (this.#stopped || this.#timer) return;
    const { heartbeatMs } = this.#limits;
    if (this.#again) this.#schedule(0);
    else if (this.#opened && heartbeatMs !== undefined)
      this.#schedule(Math.max(1, this.#lastCallAt + heartbeatMs - this.#monotonic()));
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#again = false;
      const notBefore = Math.max(this.#notBefore, this.#lastCallAt + this.#limits.minIntervalMs);
      if (!(await this.#waitUntil(notBefore))) return;
      const portion = await this.#next();
      if (this.#stopped) return;
      const beats = !portion && this.#side.length === 0;
      if (beats && !this.#heartbeatDue()) {
        if (this.#setSuspectsAside() || this.#again) continue;
        return;
      }
      if (portion?.kind === 'write' && portion.records.length === 0 && this.#side.length === 0) {
        // nothing of it is for this sink, but that the run starts
        if (this.#opened || !portion.starts) {
          this.#moveTo(portion.lastSeq);
          continue;
        }
      } else if ((!portion || portion.kind === 'write') && !beats && this.#lingers(portion)) return;
      if (!this.#opened && !(await this.#attempt((signal) => this.#open(signal)))) {
        if (await this.#mayGoOn()) continue;
        return;
      }
      if (!this.#opened) return;
      if (portion?.kind === 'write' && portion.records.length === 0 && this.#side.length === 0) continue;
      if (!(await this.#send(portion)) && !(await this.#mayGoOn())) return;
    }
  }

  async #next(): Promise<Portion | undefined> {
    const { maxRecords, maxValues, maxBytes } = this.#limits;
    // a record that was refused alone is given up when the next one alone is taken
    const count = this.#suspects.length > 0 ? 1 : this.#entries;
    const entries = await this.#feed.read({ records: count, bytes: maxBytes });
    return nextPortion(
      entries,
      { entries: count, records: maxRecords, values: maxValues, bytes: maxBytes },
      (record) => this.#selector.record(record),
    );
  }

  /** A batch that is not full waits for more. */
  #lingers(portion: Portion | undefined): boolean {
    if (this.#hurry || (portion?.kind === 'write' && portion.full)) return false;
    const rest = this.#lastCallAt + this.#limits.lingerMs - this.#monotonic();
    if (rest <= 0) return false;
    this.#schedule(rest);
    return true;
  }

  #heartbeatDue(): boolean {
    const { heartbeatMs } = this.#limits;
    return (
      heartbeatMs !== undefined &&
      this.#opened &&
      !this.#hurry &&
      this.#monotonic() - this.#lastCallAt >= heartbeatMs
    );
  }

  /** False: not now (it comes back by itself). */
  async #waitUntil(time: number): Promise<boolean> {
    const rest = time - this.#monotonic();
    if (rest <= 0) return true;
    if (!this.#hurry) {
      this.#schedule(rest);
      return false;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, rest);
      const { signal } = this.#stop;
      signal.addEventListener('abort', done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
    return !this.#stopped;
  }

  async #open(signal: AbortSignal): Promise<void> {
    const run = await this.#options.source.run();
    if (!run) throw new Error('The start of the run is not known yet');
    const { state } = this.#progress;
    const context: SinkContext = {
      state,
      warn: (message) => {
        if (this.#warned.has(message) || this.#warned.size >= 100) return;
        this.#warned.add(message);
        this.#options.onTrouble?.(`${this.#sink.name}: ${message}`);
      },
      requestStop: (reason) => this.#options.onStopRequested?.(reason),
    };
    await this.#sink.open(this.#selector.run(run), context, signal);
    this.#opened = true;
    this.#remember({});
  }

  /** True when the sink took it, or set it aside. */
  async #send(portion: Portion | undefined): Promise<boolean> {
    if (portion?.kind === 'artifact') {
      const taken = await this.#attempt((signal) => this.#sink.artifact(portion.artifact, signal));
      return taken ? this.#onTaken(portion.lastSeq, 1) : this.#onRefused(portion.lastSeq, 1);
    }
    if (portion?.kind === 'end') {
      const { status, summary, time } = portion;
      const taken = await this.#attempt((signal) => this.#sink.close(status, summary, signal, time));
      if (!taken) return this.#onRefused(portion.lastSeq, 1);
      this.#opened = false;
      return this.#onTaken(portion.lastSeq, 1);
    }
    return this.#write(portion);
  }

  async #write(portion: Extract<Portion, { kind: 'write' }> | undefined): Promise<boolean> {
    const records = portion?.records ?? [];
    if (records.length > 0) {
      const side = this.#sideApart ? [] : this.#takeSide(this.#limits.maxRecords - records.length);
      const taken = await this.#attempt((signal) => this.#sink.write([...records, ...side], signal));
      if (!taken) {
        this.#side.putBack(side);
        if (side.length === 0 || this.#lastOutcome?.kind !== 'refused')
          return this.#onRefused(portion?.lastSeq ?? -1, portion?.entries ?? 0);
        // it may have been the samples: once more without them
        this.#sideApart = true;
        return true;
      }
      this.#onTaken(portion?.lastSeq, records.length);
      if (!this.#sideApart) return true;
    }
    return this.#writeSide();
  }

  /** System samples and console lines alone, or a heartbeat. */
  async #writeSide(): Promise<boolean> {
    const side = this.#takeSide(this.#limits.maxRecords);
    if (await this.#attempt((signal) => this.#sink.write(side, signal))) {
      this.#sideApart = false;
      return this.#onTaken(undefined, 0);
    }
    if (this.#lastOutcome?.kind === 'refused') {
      this.#side.drop(side);
      return true;
    }
    this.#side.putBack(side);
    return false;
  }

  #takeSide(records: number): SideRecord[] {
    // while records are under suspicion, nothing else muddies the water
    return this.#suspects.length > 0 ? [] : this.#side.take(records, this.#limits.maxValues);
  }

  async #attempt(call: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    this.#lastCallAt = this.#monotonic();
    const outcome = await callSink(call, this.#limits.callTimeoutMs, this.#stop.signal);
    this.#lastOutcome = outcome.ok ? undefined : outcome;
    if (outcome.ok) {
      this.#failures = 0;
      this.#trouble = undefined;
      return true;
    }
    if (outcome.kind !== 'aborted') {
      this.#lastError = outcome.message;
      this.#lastErrorAt = this.#now();
      if (outcome.timedOut) this.#entries = Math.max(1, Math.ceil(this.#entries / 2));
    }
    return false;
  }

  #onTaken(seq: number | undefined, records: number): true {
    this.#setSuspectsAside();
    this.#lastError = undefined;
    this.#lastSentAt = this.#now();
    this.#sent += records;
    this.#entries = Math.min(this.#limits.maxRecords, this.#entries * 2);
    if (seq === undefined) this.#remember({});
    else this.#moveTo(seq);
    return true;
  }

  /** After a call that failed: true when it was the record, and the next can be tried at once. */
  #onRefused(seq: number, entries: number): boolean {
    if (this.#lastOutcome?.kind !== 'refused') return false;
    if (entries > 1) {
      this.#retried++;
      this.#entries = Math.ceil(entries / 2);
      return true;
    }
    this.#suspects.push({ seq, message: this.#lastOutcome.message });
    this.#feed.passed(seq);
    if (this.#suspects.length < MAX_SUSPECTS) return true;
    this.#suspects = [];
    this.#feed.rewind(this.#progress.seq);
    return false;
  }

  /** Gives up the records that were refused alone. False when there were none. */
  #setSuspectsAside(): boolean {
    const last = this.#suspects.at(-1);
    if (!last) return false;
    const { refused, refusedTotal } = this.#progress;
    const seqs = this.#suspects.map(({ seq }) => seq).join(', ');
    this.#options.onTrouble?.(
      `${this.#sink.name} refused ${this.#suspects.length === 1 ? 'record' : 'records'} ${seqs} for good (${last.message}). What comes after is sent; they stay in the journal.`,
    );
    this.#remember({
      seq: last.seq,
      refused: [...refused, ...this.#suspects].slice(-KEPT_REFUSALS),
      refusedTotal: refusedTotal + this.#suspects.length,
    });
    this.#suspects = [];
    this.#feed.passed(last.seq);
    return true;
  }

  #moveTo(seq: number): void {
    this.#feed.passed(seq);
    this.#remember({ seq });
  }

  #remember(change: Partial<SinkProgress>): void {
    const state = this.#sink.state?.() ?? this.#progress.state;
    this.#progress = {
      ...this.#progress,
      samples: this.#side.samples,
      ...change,
      ...(state === undefined ? {} : { state }),
    };
    this.#options.onProgress?.(this.#progress);
  }

  /** After a failure: says whether to go on at once (somebody waits for us); else comes back later by itself. */
  async #mayGoOn(): Promise<boolean> {
    const failure = this.#lastOutcome;
    if (!failure || failure.kind === 'aborted' || this.#stopped) return false;
    this.#failures++;
    this.#retried++;
    const trouble: Trouble = failure.kind === 'refused' ? 'refusing' : failure.kind;
    this.#trouble = trouble;
    this.#tell(trouble, `${sinkPlace(this.#sink)}: ${failure.message}. ${ADVICE[trouble]}`);
    if (this.#failures >= BREAKER_AT) this.#entries = Math.min(this.#entries, PROBE_RECORDS);
    if (this.#failures >= (this.#options.giveUpAfter ?? Infinity)) {
      this.#givenUp = true;
      void Promise.resolve().then(() => this.stop());
      this.#tell(
        'given_up',
        `${sinkPlace(this.#sink)}: given up for this process; \`llm-otel sync\` sends the rest.`,
      );
      return false;
    }
    const backOff = this.#options.backOff ?? SINK_BACK_OFF;
    const wait = waitMs(backOff, this.#failures, failure.retryAfterMs);
    const now = this.#monotonic();
    if (failure.retryAfterMs !== undefined) this.#askedUntil = now + wait;
    if (this.#hurry && this.#patience > 0) {
      this.#patience--;
      this.#notBefore = now + (failure.retryAfterMs === undefined ? Math.min(wait, 1000) : wait);
      return true;
    }
    this.#notBefore = now + wait * (trouble === 'unavailable' ? 1 : HOPELESS_FACTOR);
    this.#hurry = false;
    this.#schedule(this.#notBefore - now);
    return false;
  }

  #tell(kind: string, message: string): void {
    const at = this.#monotonic();
    if (at - (this.#toldAt.get(kind) ?? -Infinity) < TELL_AGAIN_MS) return;
    this.#toldAt.set(kind, at);
    this.#options.onTrouble?.(message);
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }
}

const ADVICE: Readonly<Record<Trouble, string>> = {
  unavailable: 'The run goes on; its records wait and are sent later.',
  refusing: 'Nothing was given up; it is tried again by and by. Check its address and its options.',
  unauthorized: 'Give it the credentials that it wants; the records wait meanwhile.',
};

/** What a sink's progress is kept under: the same place gets what it lacks, another one everything. */
export function sinkKey(sink: Pick<RunSink, 'name' | 'target'>): string {
  return sink.target === undefined ? sink.name : `${sink.name} ${sink.target}`;
}

function sinkPlace({ name, target }: RunSink): string {
  return target === undefined ? name : `${name} (${target})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
