import type { DeliveryOutcome, EventExporter } from '../../telemetry/index.ts';
import type { DrainOptions } from '../../trackers/index.ts';
import type { Acknowledged } from '../journal/cursor.ts';
import { type BackOff, DEFAULT_BACK_OFF, delayMs } from './back-off.ts';
import type { Batch, BatchLimit, RecordSource } from './source.ts';

/** Where the delivery of a run's records stands. */
export interface DeliveryState {
  /**
   * - `delivered`: the receiver has everything.
   * - `sending`: on the way.
   * - `unavailable`: the receiver is down, slow or overloaded: tried again by and by.
   * - `refusing`: it refuses every record (a wrong address?): tried again by and by.
   * - `unauthorized`: it wants other credentials: tried again by and by.
   * - `off`: nothing is sent; the journal has everything.
   */
  state: 'delivered' | 'sending' | 'unavailable' | 'refusing' | 'unauthorized' | 'off';
  /** Receiver, without credentials. */
  url: string;
  /** Everything up to this `seq` was accepted or refused for good; -1 for nothing. */
  acknowledged: number;
  /** Records accepted since the start of this process. */
  delivered: number;
  /** Records that the receiver refused for good; they stay in the journal. */
  refused: number;
  lastError: string | undefined;
}

export interface SenderOptions {
  exporter: EventExporter;
  source: RecordSource;
  acknowledged: Acknowledged;
  /** The receiver has more than before. */
  onProgress?: (acknowledged: Acknowledged) => void;
  /** What a person should know; each kind of trouble once until it is over. */
  onTrouble?: (message: string) => void;
  limit?: BatchLimit;
  backOff?: BackOff;
  /** An export that does not settle within this time counts as unavailable. Default 30 s. */
  exportTimeoutMs?: number;
}

/** Records refused one after the other, with none accepted between, before the receiver itself is taken to be wrong. */
const SUSPECTS_OF_A_STRANGER = 3;
const SUSPECTS_OF_A_FRIEND = 100;

const TELL_AGAIN_MS = 60_000;

const DEFAULT_LIMIT: BatchLimit = { records: 1000, bytes: 1024 * 1024 };

/**
 * Sends records in order, one request at a time, and moves on only when the receiver has accepted them.
 *
 * A refused batch is halved until the bad record stands alone. That one is set aside when a record after it is
 * accepted: until then it may as well be the receiver that is wrong, and nothing must be given up for that.
 */
export class Sender {
  readonly #exporter: EventExporter;
  readonly #source: RecordSource;
  readonly #onProgress: (acknowledged: Acknowledged) => void;
  readonly #onTrouble: (message: string) => void;
  readonly #limit: BatchLimit;
  readonly #backOff: BackOff;
  readonly #exportTimeoutMs: number;
  readonly #acknowledged: Acknowledged;
  #records: number;
  /** `seq` of records that were refused alone, since the last accepted one. */
  #suspects: number[] = [];
  #accepted = false;
  #failures = 0;
  #trouble: 'unavailable' | 'refusing' | 'unauthorized' | undefined;
  /** When each kind of trouble was told last: one that comes and goes must not fill the log. */
  readonly #toldAt = new Map<string, number>();
  #lastError: string | undefined;
  #delivered = 0;
  #refused = 0;
  #running: Promise<void> | undefined;
  #again = false;
  #retry: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  /** Failures that a drain still puts up with; undefined when nobody waits. */
  #patience: number | undefined;
  #stopped = false;

  constructor(options: SenderOptions) {
    this.#exporter = options.exporter;
    this.#source = options.source;
    this.#acknowledged = options.acknowledged;
    this.#onProgress = options.onProgress ?? (() => {});
    this.#onTrouble = options.onTrouble ?? (() => {});
    this.#limit = options.limit ?? DEFAULT_LIMIT;
    this.#backOff = options.backOff ?? DEFAULT_BACK_OFF;
    this.#exportTimeoutMs = options.exportTimeoutMs ?? 30_000;
    this.#records = this.#limit.records;
  }

  /** There may be something to send. Does nothing at once (a step must not pay for it), and waits out a back-off. */
  kick(): void {
    if (this.#stopped || this.#retry || this.#soon) return;
    this.#soon = setImmediate(() => {
      this.#soon = undefined;
      if (!this.#stopped && !this.#retry) void this.#start();
    });
    this.#soon.unref();
  }

  /**
   * Sends until everything is there, `patience` failures have come (default 2), or the time is up. Keeps the process
   * alive meanwhile. Never rejects.
   */
  async drain(options: DrainOptions): Promise<DeliveryState> {
    if (this.#stopped) return this.state();
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#patience = options.patience ?? 2;
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, options.milliseconds);
      if (options.keepAlive === false) timer.unref();
    });
    await Promise.race([this.#start(), timeUp]);
    clearTimeout(timer);
    this.#patience = undefined;
    return this.state();
  }

  state(): DeliveryState {
    return {
      state: this.#trouble ?? (this.#running ? 'sending' : 'delivered'),
      url: this.#exporter.url,
      acknowledged: this.#acknowledged.seq,
      delivered: this.#delivered,
      refused: this.#refused,
      lastError: this.#lastError,
    };
  }

  /** How far the receiver has taken the records, to be kept. */
  acknowledged(): Acknowledged {
    return this.#acknowledged;
  }

  /** No further request is begun. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #start(): Promise<void> {
    if (this.#running) this.#again = true;
    else
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#again = false;
      const batch = await this.#next();
      if (this.#stopped) return;
      if (!batch) {
        this.#settleSuspects();
        if (this.#again) continue;
        return;
      }
      const outcome = await this.#export(batch);
      if (!this.#take(batch, outcome) && !(await this.#mayRetry(outcome))) return;
    }
  }

  async #next(): Promise<Batch | undefined> {
    const seq = this.#suspects.at(-1) ?? this.#acknowledged.seq;
    try {
      return await this.#source.after(seq, {
        records: this.#suspects.length > 0 ? 1 : this.#records,
        bytes: this.#limit.bytes,
      });
    } catch (error) {
      this.#onTrouble(`The journal cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  async #export(batch: Batch): Promise<DeliveryOutcome> {
    let timer: NodeJS.Timeout | undefined;
    const hanging = new Promise<DeliveryOutcome>((resolve) => {
      timer = setTimeout(
        () => resolve({ ok: false, kind: 'unavailable', message: `${this.#exporter.url} does not answer` }),
        this.#exportTimeoutMs,
      );
      timer.unref();
    });
    try {
      return await Promise.race([this.#exporter.export(batch.records), hanging]);
    } catch (error) {
      return { ok: false, kind: 'unavailable', message: messageOf(error) };
    } finally {
      clearTimeout(timer);
    }
  }

  /** False when there is no use in going on at once. */
  #take(batch: Batch, outcome: DeliveryOutcome): boolean {
    if (outcome.ok) return this.#onAccepted(batch);
    if (outcome.kind === 'refused') return this.#onRefused(batch, outcome.message);
    return this.#onFailure(outcome.kind, outcome.message);
  }

  #onAccepted(batch: Batch): true {
    this.#setAside();
    this.#accepted = true;
    this.#failures = 0;
    this.#trouble = undefined;
    this.#lastError = undefined;
    this.#delivered += batch.records.length;
    this.#acknowledged.seq = batch.lastSeq;
    this.#records = Math.min(this.#limit.records, this.#records * 2);
    this.#onProgress(this.#acknowledged);
    return true;
  }

  #onRefused(batch: Batch, message: string): boolean {
    this.#lastError = message;
    if (batch.records.length > 1) {
      this.#records = Math.ceil(batch.records.length / 2);
      return true;
    }
    this.#suspects.push(batch.lastSeq);
    if (this.#suspects.length < (this.#accepted ? SUSPECTS_OF_A_FRIEND : SUSPECTS_OF_A_STRANGER)) return true;
    this.#suspects = [];
    this.#records = this.#limit.records;
    return this.#onFailure(
      'refusing',
      `it refuses every record (${message}); is it an OTLP receiver for logs? Nothing was given up`,
    );
  }

  #onFailure(kind: 'unavailable' | 'refusing' | 'unauthorized', message: string): false {
    const known = this.#trouble === kind;
    this.#trouble = kind;
    this.#failures++;
    this.#lastError = message;
    if (known || performance.now() - (this.#toldAt.get(kind) ?? -Infinity) < TELL_AGAIN_MS) return false;
    this.#toldAt.set(kind, performance.now());
    const advice =
      kind === 'unauthorized'
        ? 'Set OTEL_EXPORTER_OTLP_HEADERS (or the option headers) to the credentials it wants'
        : 'The run goes on; its records wait in the journal and are sent later';
    const where = message.includes(this.#exporter.url) ? '' : `${this.#exporter.url}: `;
    this.#onTrouble(`${where}${message}. ${advice}.`);
    return false;
  }

  /** After a failure: waits (when somebody waits for us) and says whether to go on; else comes back later by itself. */
  async #mayRetry(outcome: DeliveryOutcome): Promise<boolean> {
    const asked = outcome.ok ? undefined : outcome.retryAfterMs;
    const wait = delayMs(this.#backOff, this.#failures, asked);
    if (this.#patience !== undefined && this.#patience-- > 0) {
      await new Promise<void>((resolve) =>
        setTimeout(resolve, asked === undefined ? Math.min(wait, 250) : wait).unref(),
      );
      return !this.#stopped;
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.kick();
    }, wait);
    this.#retry.unref();
    return false;
  }

  /** No record is left to tell by: a receiver that has accepted others is believed. */
  #settleSuspects(): void {
    const last = this.#suspects.at(-1);
    if (last === undefined) return;
    if (!this.#accepted) {
      this.#suspects = [];
      return;
    }
    this.#setAside();
    this.#acknowledged.seq = last;
    this.#onProgress(this.#acknowledged);
  }

  #setAside(): void {
    if (this.#suspects.length === 0) return;
    this.#refused += this.#suspects.length;
    this.#acknowledged.refused.push(...this.#suspects);
    this.#onTrouble(
      `${this.#exporter.url} refused ${this.#suspects.length === 1 ? 'record' : 'records'} ${this.#suspects.join(', ')} for good (${this.#lastError}). They stay in the journal.`,
    );
    this.#suspects = [];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
