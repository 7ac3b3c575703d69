import type { RunSink, SinkContext, SinkLimits } from '../sink.ts';
import { Appetite } from './appetite.ts';
import { nextPortion, type Portion } from './batch.ts';
import { Feed } from './feed.ts';
import type { ForwarderOptions } from './forwarder-options.ts';
import { Position } from './position.ts';
import { createSelector, type Selector } from './selection.ts';
import { type SideRecord, SideRecords } from './side-records.ts';
import { sinkPlace } from './sink-key.ts';
import { SinkSession } from './sink-session.ts';
import { isHopeless } from './stuck-record.ts';
import type { SinkTrouble } from './trouble.ts';

/** Failures in a row before the content of a batch is looked at, when the tracker says that it failed itself. */
const BISECT_AFTER = 3;
/** Entries among which the next one is sought that tells whether a record or the tracker is at fault. */
const LOOK_AHEAD = 50;

export interface DeliveryOptions extends ForwarderOptions {
  readonly limits: SinkLimits & Required<Omit<SinkLimits, 'heartbeatMs'>>;
  readonly trouble: SinkTrouble;
  readonly now: () => number;
  readonly stop: AbortSignal;
  /** A call begins. */
  readonly onCall: () => void;
}

/**
 * What a sink gets next, and what becomes of it: taken, it moves the cursor; refused, the batch is halved until the bad
 * record stands alone and is set aside. A batch on which the tracker itself fails is halved too, but its record set
 * aside only when the tracker is seen to take the next one and not this one. When it is sent is for others to say.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #sink: RunSink;
  readonly #selector: Selector;
  readonly #feed: Feed;
  readonly #appetite: Appetite;
  readonly side: SideRecords;
  readonly position: Position;
  readonly session: SinkSession;
  lastSentAt: number | undefined;
  sent = 0;
  /** A batch with side records was refused: they go alone until some are taken. */
  #sideApart = false;

  /** @throws TypeError for a selection that cannot be. */
  constructor(options: DeliveryOptions) {
    const { sink, source, progress, limits, trouble } = options;
    this.#options = options;
    this.#sink = sink;
    this.#selector = createSelector(options.selection ?? {});
    this.#feed = new Feed(source, progress.seq);
    this.#appetite = new Appetite(limits.maxRecords);
    this.side = new SideRecords(options.maxSideRecords ?? 1000, progress.samples);
    this.position = new Position({
      progress,
      state: () => sink.state?.(),
      samples: () => this.side.samples,
      onProgress: (now) => options.onProgress?.(now),
      onRefused: (records) =>
        options.onTrouble?.(
          `${sink.name} refused ${records.length === 1 ? 'record' : 'records'} ${records.map(({ seq }) => seq).join(', ')} for good (${records.at(-1)?.message ?? ''}). What comes after is sent; they stay in the journal.`,
        ),
    });
    this.session = new SinkSession({
      sink,
      callTimeoutMs: limits.callTimeoutMs,
      stop: options.stop,
      run: async () => {
        const run = await source.run();
        return run && this.#selector.run(run);
      },
      context: () => this.#context(),
      onCall: options.onCall,
      onOutcome: (failure) => {
        if (!failure) trouble.over();
        else if (failure.kind !== 'aborted') trouble.note(failure);
        if (failure?.timedOut) this.#appetite.halve();
      },
    });
  }

  /** What goes next; undefined when the sink has everything. */
  async next(): Promise<Portion | undefined> {
    // a record that was refused alone is given up when the next one alone is taken
    const count = this.#isInDoubt ? 1 : this.#appetite.entries;
    const portion = this.#portion(
      await this.#feed.read({ records: count, bytes: this.#options.limits.maxBytes }),
      count,
    );
    // samples and lines do not open a run that has ended
    if (!portion && this.session.hasEnded) this.side.clear();
    return portion;
  }

  /** Nothing of it is for this sink. */
  skip(portion: Portion): void {
    this.#moveTo(portion.lastSeq);
  }

  async open(): Promise<boolean> {
    if (!(await this.session.open())) return false;
    this.#options.onOpened?.(this.#sink.spanAttributes?.() ?? {});
    this.position.taken();
    return true;
  }

  /** Sends a portion; undefined: what is there beside the run, or a heartbeat. True when it was taken, or set aside. */
  async send(portion: Portion | undefined): Promise<boolean> {
    if (!portion) return this.#writeSide();
    // what was printed and measured until the end belongs to the run, and nothing reaches it after that
    if (portion.kind === 'end' && this.side.length > 0 && !this.#isInDoubt) return this.#writeSide();
    if (portion.kind !== 'write') {
      if (await this.#call(portion)) return this.#onTaken(portion.lastSeq, 1);
      return this.#onFailure(portion, 1);
    }
    if (portion.records.length === 0) return this.#writeSide(portion.lastSeq);
    const room = this.#options.limits.maxRecords - portion.records.length;
    const side = this.#sideApart ? [] : this.#takeSide(room);
    if (await this.#call(portion, side)) {
      this.#onTaken(portion.lastSeq, portion.records.length);
      return this.#sideApart ? this.#writeSide() : true;
    }
    this.side.putBack(side);
    if (side.length === 0 || this.session.failure?.kind !== 'refused')
      return this.#onFailure(portion, portion.entries);
    // it may have been the samples: once more without them
    this.#sideApart = true;
    return true;
  }

  /** The sink has failed several times: it must not be kept ill. */
  probe(): void {
    this.#appetite.probe();
  }

  /** There is no further record to tell by: a sink that could be opened is believed. False when there were none. */
  suspectsAside(): boolean {
    if (!this.position.suspicious) return false;
    this.position.taken();
    return true;
  }

  async letGo(): Promise<void> {
    if (await this.session.letGo()) this.position.taken();
    await this.#options.source.close?.();
  }

  #context(): SinkContext {
    const { trouble, onStopRequested } = this.#options;
    return {
      state: this.position.progress.state,
      warn: (message) => trouble.once(`${this.#sink.name}: ${message}`),
      requestStop: (reason) => onStopRequested?.(reason),
    };
  }

  #portion(entries: Awaited<ReturnType<Feed['read']>>, count: number): Portion | undefined {
    const { maxRecords, maxValues, maxBytes } = this.#options.limits;
    return nextPortion(
      entries,
      { entries: count, records: maxRecords, values: maxValues, bytes: maxBytes },
      (record) => this.#selector.record(record),
    );
  }

  #call(portion: Portion, side: readonly SideRecord[] = []): Promise<boolean> {
    if (portion.kind === 'write')
      return this.session.call((signal) => this.#sink.write([...portion.records, ...side], signal));
    if (portion.kind === 'artifact')
      return this.session.call((signal) => this.#sink.artifact(portion.artifact, signal));
    return this.session.call(async (signal) => {
      await this.#sink.close(portion.status, portion.summary, signal, portion.time);
      this.session.ended();
    });
  }

  /** System samples and console lines alone, or a heartbeat. */
  async #writeSide(seq?: number): Promise<boolean> {
    const side = this.#takeSide(this.#options.limits.maxRecords);
    if (await this.session.call((signal) => this.#sink.write(side, signal))) {
      this.#sideApart = false;
      return this.#onTaken(seq, 0);
    }
    if (this.session.failure?.kind === 'refused') {
      this.side.drop(side);
      return true;
    }
    this.side.putBack(side);
    return false;
  }

  #takeSide(records: number): SideRecord[] {
    // nothing else muddies the water then
    return this.#isInDoubt ? [] : this.side.take(records, this.#options.limits.maxValues);
  }

  /** A record is under suspicion, or the sink failed on it. */
  get #isInDoubt(): boolean {
    return this.position.suspicious || this.position.stuck !== undefined;
  }

  #onTaken(seq: number | undefined, records: number): true {
    this.#options.trouble.lastError = undefined;
    this.lastSentAt = this.#options.now();
    this.sent += records;
    this.#appetite.grow();
    this.#moveTo(seq);
    return true;
  }

  #moveTo(seq: number | undefined): void {
    if (seq !== undefined) this.#feed.passed(seq);
    this.position.taken(seq);
  }

  /** After a call that failed: true when the next can be tried at once. */
  async #onFailure(portion: Portion, entries: number): Promise<boolean> {
    const { failure } = this.session;
    if (failure?.kind === 'refused') return this.#onRefused(portion.lastSeq, entries, failure.message);
    if (!failure?.failedOnRequest || this.#options.trouble.failures < BISECT_AFTER - 1) return false;
    if (entries > 1) {
      this.#options.trouble.retried++;
      this.#appetite.probe();
      this.#appetite.halve(Math.min(entries, this.#appetite.entries));
      return true;
    }
    if (!this.#sink.anyOrder) return false;
    const stuck = this.position.failedOn(portion.lastSeq, this.#options.now());
    return isHopeless(stuck, this.#options.now()) && this.#passOver(portion, stuck.tries);
  }

  #onRefused(seq: number, entries: number, message: string): boolean {
    if (entries > 1) {
      this.#options.trouble.retried++;
      this.#appetite.halve(entries);
      return true;
    }
    this.#feed.passed(seq);
    if (this.position.suspect({ seq, message })) return true;
    this.#feed.rewind(this.position.progress.seq);
    return false;
  }

  /**
   * The tracker fails on this record by itself, for long: is it the record? It is when the tracker takes what comes
   * next, and thereafter, so that it was no outage that has just ended, still fails on this one. What comes next is
   * sent again in its turn.
   */
  async #passOver(portion: Portion, tries: number): Promise<boolean> {
    const next = await this.#following();
    if (!next || !(await this.#call(next))) return false;
    if (!this.session.isOpen && !(await this.open())) return false;
    if (await this.#call(portion)) return this.#onTaken(portion.lastSeq, 1);
    const { failure } = this.session;
    if (!failure?.failedOnRequest) return false;
    const { lastSeq: seq } = portion;
    const message = `failed on it ${tries + 1} times, while others were taken: ${failure.message}`;
    this.#options.onTrouble?.(
      `${sinkPlace(this.#sink)} fails on record ${seq} itself: it ${message}. What comes after is sent; it stays in the journal.`,
    );
    this.#feed.passed(seq);
    this.position.setAside({ seq, message });
    return true;
  }

  /** What is sent after the record behind the cursor; undefined when that is the last one. */
  async #following(): Promise<Portion | undefined> {
    const entries = await this.#feed.read({ records: LOOK_AHEAD, bytes: this.#options.limits.maxBytes });
    for (let at = 1; at < entries.length; at++) {
      const portion = this.#portion(entries.slice(at), 1);
      if (portion && (portion.kind !== 'write' || portion.records.length > 0)) return portion;
    }
    return undefined;
  }
}
