import type { RunSink } from '../sink.ts';
import { pause } from './alarm.ts';
import { SINK_BACK_OFF } from './back-off.ts';
import { DEFAULT_LIMITS, type Portion } from './batch.ts';
import { Delivery } from './delivery.ts';
import type { DrainOptions, ForwarderOptions } from './forwarder-options.ts';
import { type SinkHealth, sinkHealth } from './health.ts';
import { Pace } from './pace.ts';
import type { SinkProgress } from './progress.ts';
import { sinkKey, sinkPlace } from './sink-key.ts';
import { SinkTrouble } from './trouble.ts';

/** Failures in a row after which only a small batch is tried. */
const BREAKER_AT = 3;

/**
 * Forwards one rank of a run to one sink: reads the durable source from the sink's cursor on, in order, one call at a
 * time, and moves the cursor when the sink has taken a portion. It never throws and never rejects; a sink that fails
 * is tried again with back-off, and the source is the spool meanwhile.
 */
export class SinkForwarder {
  readonly #options: ForwarderOptions;
  readonly #sink: RunSink;
  readonly #monotonic: () => number;
  readonly #stop = new AbortController();
  readonly #pace: Pace;
  readonly #trouble: SinkTrouble;
  readonly #delivery: Delivery;
  #givenUp = false;
  #running: Promise<void> | undefined;
  #again = false;
  /** True while somebody waits: no lingering. */
  #hurry = false;
  /** Failures that a drain still puts up with. */
  #patience = 0;
  #letGo: Promise<void> | undefined;

  /** @throws TypeError for a selection that cannot be. */
  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#sink = options.sink;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    const now = options.now ?? Date.now;
    const limits = { ...DEFAULT_LIMITS, ...options.sink.limits };
    this.#pace = new Pace({ limits, monotonic: this.#monotonic, onTime: () => void this.#start() });
    this.#trouble = new SinkTrouble({
      place: sinkPlace(this.#sink),
      backOff: options.backOff ?? SINK_BACK_OFF,
      monotonic: this.#monotonic,
      now,
      tell: (message) => options.onTrouble?.(message),
    });
    this.#delivery = new Delivery({
      ...options,
      limits,
      trouble: this.#trouble,
      now,
      stop: this.#stop.signal,
      onCall: () => this.#pace.called(),
    });
  }

  /** Name and target: what the progress is kept under. */
  get key(): string {
    return sinkKey(this.#sink);
  }

  get progress(): SinkProgress {
    return this.#delivery.position.progress;
  }

  /** There may be more to send. Costs nothing at once, and does not shorten a wait after a failure. */
  kick(): void {
    if (this.#stopped || this.#pace.waits) return;
    if (this.#running) this.#again = true;
    else this.#pace.wakeIn(0);
  }

  /** A sample of host, GPU and process, by catalogue key. */
  system(time: number, values: Readonly<Record<string, number>>): void {
    if (this.#stopped) return;
    this.#delivery.side.system(time, values);
    this.kick();
  }

  /** A line that the program printed. */
  console(time: number, stream: 'stdout' | 'stderr', text: string): void {
    if (this.#stopped) return;
    this.#delivery.side.console(time, stream, text);
    this.kick();
  }

  /**
   * Sends until the sink has everything, `patience` failures in a row have come (default 3), or the time is up. Keeps
   * the process alive meanwhile, unless told otherwise.
   */
  async drain(options: DrainOptions): Promise<SinkHealth> {
    if (this.#stopped) return this.health();
    this.#hurry = true;
    this.#patience = options.patience ?? 3;
    this.#pace.clearWait();
    // what the tracker asked for is kept to; our own patience is over
    this.#pace.holdOffUntil(this.#trouble.askedUntil);
    let alive: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => {
      alive = setTimeout(resolve, options.milliseconds);
      if (options.keepAlive === false) alive.unref();
    });
    const work = async (): Promise<void> => {
      // a run under way may have decided to linger just before
      await this.#running;
      this.#pace.clearWait();
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
    this.#pace.stop();
    this.#letGo ??= this.#close();
    return this.#letGo;
  }

  async #close(): Promise<void> {
    await this.#running;
    await this.#delivery.letGo();
  }

  health(): SinkHealth {
    const { position, side, sent, lastSentAt } = this.#delivery;
    const { progress, suspicious } = position;
    const lag = Math.max(0, (this.#options.head?.() ?? progress.seq) - progress.seq);
    const untroubled = lag === 0 && !suspicious ? 'current' : 'sending';
    return sinkHealth(this.#sink, progress, this.#trouble, {
      status: this.#givenUp ? 'given_up' : (this.#trouble.kind ?? untroubled),
      lag,
      sent,
      dropped: side.dropped,
      lastSentAt: lastSentAt ?? null,
    });
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  #start(): Promise<void> {
    if (this.#running) this.#again = true;
    else
      this.#running = this.#forward()
        .catch((error: unknown) => this.#trouble.tell('broken', `${this.#sink.name}: ${messageOf(error)}`))
        .finally(() => {
          this.#running = undefined;
          this.#whenIdle();
        });
    return this.#running;
  }

  /** Nothing to do: a kick that came meanwhile is followed; else a heartbeat keeps the tracker from worrying. */
  #whenIdle(): void {
    if (this.#stopped || this.#pace.waits) return;
    if (this.#again) this.#pace.wakeIn(0);
    else if (this.#delivery.session.isOpen) this.#pace.awaitHeartbeat();
  }

  async #forward(): Promise<void> {
    const delivery = this.#delivery;
    const { side, session } = delivery;
    while (!this.#stopped) {
      this.#again = false;
      if (!(await this.#mayCall())) return;
      const portion = await delivery.next();
      if (this.#stopped) return;
      const beats = !portion && side.length === 0;
      if (beats && !(session.isOpen && !this.#hurry && this.#pace.isHeartbeatDue)) {
        if (delivery.suspectsAside() || this.#again) continue;
        return;
      }
      const isEmpty = portion?.kind === 'write' && portion.records.length === 0 && side.length === 0;
      // nothing of it is for this sink, but that the run starts
      if (isEmpty && (session.isOpen || !portion.starts)) {
        delivery.skip(portion);
        continue;
      }
      if (!isEmpty && !beats && this.#lingers(portion)) return;
      if (!session.isOpen && !(await delivery.open())) {
        if (this.#mayGoOn()) continue;
        return;
      }
      if (isEmpty) continue;
      if (!(await delivery.send(portion)) && !this.#mayGoOn()) return;
    }
  }

  /** A batch that is not full waits for more. */
  #lingers(portion: Portion | undefined): boolean {
    if (portion && (portion.kind !== 'write' || portion.full)) return false;
    return !this.#hurry && this.#pace.lingers();
  }

  /** False: not now (it comes back by itself). */
  async #mayCall(): Promise<boolean> {
    const rest = this.#pace.restMs;
    if (rest <= 0) return true;
    if (!this.#hurry) {
      this.#pace.wakeIn(rest);
      return false;
    }
    await pause(rest, this.#stop.signal);
    return !this.#stopped;
  }

  /** After a failure: says whether to go on at once (somebody waits for us); else comes back later by itself. */
  #mayGoOn(): boolean {
    const { failure } = this.#delivery.session;
    if (!failure || failure.kind === 'aborted' || this.#stopped) return false;
    const wait = this.#trouble.failed(failure);
    if (this.#trouble.failures >= BREAKER_AT) this.#delivery.probe();
    if (this.#trouble.failures >= (this.#options.giveUpAfter ?? Infinity)) {
      this.#giveUp();
      return false;
    }
    const hurried = this.#hurry && this.#patience > 0;
    this.#pace.holdOffUntil(this.#monotonic() + (hurried ? wait.hurried : wait.patient));
    if (hurried) {
      this.#patience--;
      return true;
    }
    this.#hurry = false;
    this.#pace.wakeIn(wait.patient);
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
