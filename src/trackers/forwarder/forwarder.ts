import type { RunSink, SinkContext, SinkLimits } from '../sink.ts';
import { Alarm, pause } from './alarm.ts';
import { SINK_BACK_OFF } from './back-off.ts';
import { DEFAULT_LIMITS, nextPortion, type Portion } from './batch.ts';
import { Feed } from './feed.ts';
import type { ForwarderOptions } from './forwarder-options.ts';
import { type SinkHealth, sinkHealth } from './health.ts';
import { Position } from './position.ts';
import type { SinkProgress } from './progress.ts';
import { createSelector, type Selector } from './selection.ts';
import { type SideRecord, SideRecords } from './side-records.ts';
import { callSink } from './sink-call.ts';
import { sinkKey, sinkPlace } from './sink-key.ts';
import { type Failure, SinkTrouble } from './trouble.ts';

/** Failures in a row after which only a small batch is tried: an ill tracker must not be kept ill. */
const BREAKER_AT = 3;
const PROBE_ENTRIES = 50;
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
  readonly #position: Position;
  readonly #trouble: SinkTrouble;
  #opened = false;
  /** Entries that a call may take now. */
  #entries: number;
  #givenUp = false;
  #lastSentAt: number | undefined;
  #sent = 0;
  #lastOutcome: Failure | undefined;
  #lastCallAt = -Infinity;
  #notBefore = -Infinity;
  #running: Promise<void> | undefined;
  #again = false;
  /** Set while it waits: for more, for a tracker that has failed, for its rate limit. */
  readonly #wait = new Alarm(() => void this.#start());
  readonly #heartbeat = new Alarm(() => this.kick());
  /** True while somebody waits: no lingering. */
  #hurry = false;
  /** Failures that a drain still puts up with. */
  #patience = 0;
  #letGo: Promise<void> | undefined;
  /** A batch with side records was refused: they go alone until some are taken. */
  #sideApart = false;

  /** @throws TypeError for a selection that cannot be. */
  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#sink = options.sink;
    this.#limits = { ...DEFAULT_LIMITS, ...options.sink.limits };
    this.#entries = this.#limits.maxRecords;
    this.#selector = createSelector(options.selection ?? {});
    this.#feed = new Feed(options.source, options.progress.seq);
    this.#side = new SideRecords(options.maxSideRecords ?? 1000, options.progress.samples);
    this.#monotonic = options.monotonic ?? (() => performance.now());
    const tell = (message: string): void => options.onTrouble?.(message);
    this.#trouble = new SinkTrouble({
      place: sinkPlace(this.#sink),
      backOff: options.backOff ?? SINK_BACK_OFF,
      monotonic: this.#monotonic,
      now: options.now ?? Date.now,
      tell,
    });
    this.#position = new Position({
      progress: options.progress,
      state: () => this.#sink.state?.(),
      samples: () => this.#side.samples,
      onProgress: (progress) => options.onProgress?.(progress),
      onRefused: (records) =>
        tell(
          `${this.#sink.name} refused ${records.length === 1 ? 'record' : 'records'} ${records.map(({ seq }) => seq).join(', ')} for good (${records.at(-1)?.message ?? ''}). What comes after is sent; they stay in the journal.`,
        ),
    });
  }

  /** Name and target: what the progress is kept under. */
  get key(): string {
    return sinkKey(this.#sink);
  }

  get progress(): SinkProgress {
    return this.#position.progress;
  }

  /** There may be more to send. Costs nothing at once, and does not shorten a wait after a failure. */
  kick(): void {
    if (this.#stopped || this.#wait.isSet) return;
    if (this.#running) this.#again = true;
    else this.#wait.set(0);
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
    this.#wait.clear();
    // what the tracker asked for is kept to; our own patience is over
    this.#notBefore = this.#trouble.askedUntil;
    let alive: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => {
      alive = setTimeout(resolve, options.milliseconds);
    });
    const work = async (): Promise<void> => {
      // a run under way may have decided to linger just before
      await this.#running;
      this.#wait.clear();
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
    this.#wait.clear();
    this.#heartbeat.clear();
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
      this.#position.taken();
    }
    await this.#options.source.close?.();
  }

  health(): SinkHealth {
    const { progress, suspicious } = this.#position;
    const lag = Math.max(0, (this.#options.head?.() ?? progress.seq) - progress.seq);
    const untroubled = lag === 0 && !suspicious ? 'current' : 'sending';
    return sinkHealth(this.#sink, progress, this.#trouble, {
      status: this.#givenUp ? 'given_up' : (this.#trouble.kind ?? untroubled),
      lag,
      sent: this.#sent,
      dropped: this.#side.dropped,
      lastSentAt: this.#lastSentAt ?? null,
    });
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  #start(): Promise<void> {
    if (this.#running) this.#again = true;
    else
      this.#running = this.#run()
        .catch((error: unknown) => this.#trouble.tell('broken', `${this.#sink.name}: ${messageOf(error)}`))
        .finally(() => {
          this.#running = undefined;
          this.#whenIdle();
        });
    return this.#running;
  }

  /** Nothing to do: a kick that came meanwhile is followed; else a heartbeat keeps the tracker from worrying. */
  #whenIdle(): void {
    if (this.#stopped || this.#wait.isSet) return;
    const { heartbeatMs } = this.#limits;
    if (this.#again) this.#wait.set(0);
    else if (this.#opened && heartbeatMs !== undefined)
      this.#heartbeat.set(Math.max(1, this.#lastCallAt + heartbeatMs - this.#monotonic()));
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
        if (this.#suspectsAside() || this.#again) continue;
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
        if (this.#mayGoOn()) continue;
        return;
      }
      if (!this.#opened) return;
      if (portion?.kind === 'write' && portion.records.length === 0 && this.#side.length === 0) continue;
      if (!(await this.#send(portion)) && !this.#mayGoOn()) return;
    }
  }

  async #next(): Promise<Portion | undefined> {
    const { maxRecords, maxValues, maxBytes } = this.#limits;
    // a record that was refused alone is given up when the next one alone is taken
    const count = this.#position.suspicious ? 1 : this.#entries;
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
    this.#wait.set(rest);
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
      this.#wait.set(rest);
      return false;
    }
    await pause(rest, this.#stop.signal);
    return !this.#stopped;
  }

  async #open(signal: AbortSignal): Promise<void> {
    const run = await this.#options.source.run();
    if (!run) throw new Error('The start of the run is not known yet');
    const { state } = this.#position.progress;
    const context: SinkContext = {
      state,
      warn: (message) => this.#trouble.once(`${this.#sink.name}: ${message}`),
      requestStop: (reason) => this.#options.onStopRequested?.(reason),
    };
    await this.#sink.open(this.#selector.run(run), context, signal);
    this.#opened = true;
    this.#options.onOpened?.(this.#sink.spanAttributes?.() ?? {});
    this.#position.taken();
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
    return this.#position.suspicious ? [] : this.#side.take(records, this.#limits.maxValues);
  }

  async #attempt(call: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    this.#lastCallAt = this.#monotonic();
    const outcome = await callSink(call, this.#limits.callTimeoutMs, this.#stop.signal);
    this.#lastOutcome = outcome.ok ? undefined : outcome;
    if (outcome.ok) {
      this.#trouble.over();
      return true;
    }
    if (outcome.kind !== 'aborted') this.#trouble.note(outcome);
    if (outcome.timedOut) this.#entries = Math.max(1, Math.ceil(this.#entries / 2));
    return false;
  }

  #onTaken(seq: number | undefined, records: number): true {
    this.#trouble.lastError = undefined;
    this.#lastSentAt = this.#options.now?.() ?? Date.now();
    this.#sent += records;
    this.#entries = Math.min(this.#limits.maxRecords, this.#entries * 2);
    this.#moveTo(seq);
    return true;
  }

  #moveTo(seq: number | undefined): void {
    if (seq !== undefined) this.#feed.passed(seq);
    this.#position.taken(seq);
  }

  /** After a call that failed: true when it was the record, and the next can be tried at once. */
  #onRefused(seq: number, entries: number): boolean {
    if (this.#lastOutcome?.kind !== 'refused') return false;
    if (entries > 1) {
      this.#trouble.retried++;
      this.#entries = Math.ceil(entries / 2);
      return true;
    }
    this.#feed.passed(seq);
    if (this.#position.suspect({ seq, message: this.#lastOutcome.message })) return true;
    this.#feed.rewind(this.#position.progress.seq);
    return false;
  }

  /** There is no further record to tell by: a sink that could be opened is believed. False when there were none. */
  #suspectsAside(): boolean {
    if (!this.#position.suspicious) return false;
    this.#position.taken();
    return true;
  }

  /** After a failure: says whether to go on at once (somebody waits for us); else comes back later by itself. */
  #mayGoOn(): boolean {
    const failure = this.#lastOutcome;
    if (!failure || failure.kind === 'aborted' || this.#stopped) return false;
    const wait = this.#trouble.failed(failure);
    if (this.#trouble.failures >= BREAKER_AT) this.#entries = Math.min(this.#entries, PROBE_ENTRIES);
    if (this.#trouble.failures >= (this.#options.giveUpAfter ?? Infinity)) {
      this.#giveUp();
      return false;
    }
    const hurried = this.#hurry && this.#patience > 0;
    this.#notBefore = this.#monotonic() + (hurried ? wait.hurried : wait.patient);
    if (hurried) {
      this.#patience--;
      return true;
    }
    this.#hurry = false;
    this.#wait.set(wait.patient);
    return false;
  }

  #giveUp(): void {
    this.#givenUp = true;
    this.#trouble.tell(
      'given_up',
      `${sinkPlace(this.#sink)}: given up for this process; \`llm-otel sync\` sends the rest.`,
    );
    // not awaited: it waits for the run that we are in
    void this.stop();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
