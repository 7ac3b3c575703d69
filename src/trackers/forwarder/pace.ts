import { Alarm } from './alarm.ts';
import type { SinkLimits } from '../sink.ts';

export interface PaceOptions {
  readonly limits: SinkLimits & Required<Pick<SinkLimits, 'minIntervalMs' | 'lingerMs'>>;
  /** Monotonic milliseconds. */
  readonly monotonic: () => number;
  /** It is time: for what was waited for, or for a heartbeat. */
  readonly onTime: () => void;
}

/** When a sink is called next: its rate limit, waits after failures, lingering for more, heartbeats. */
export class Pace {
  readonly #limits: PaceOptions['limits'];
  readonly #monotonic: () => number;
  readonly #wait: Alarm;
  readonly #heartbeat: Alarm;
  #lastCallAt = -Infinity;
  #notBefore = -Infinity;

  constructor({ limits, monotonic, onTime }: PaceOptions) {
    this.#limits = limits;
    this.#monotonic = monotonic;
    this.#wait = new Alarm(onTime);
    this.#heartbeat = new Alarm(onTime);
  }

  /** Set while it waits: for more, for a tracker that has failed, for its rate limit. */
  get waits(): boolean {
    return this.#wait.isSet;
  }

  wakeIn(milliseconds: number): void {
    this.#wait.set(milliseconds);
  }

  clearWait(): void {
    this.#wait.clear();
  }

  /** No call before this monotonic time. */
  holdOffUntil(time: number): void {
    this.#notBefore = time;
  }

  /** Milliseconds until a call may begin; not above 0 when it may now. */
  get restMs(): number {
    return Math.max(this.#notBefore, this.#lastCallAt + this.#limits.minIntervalMs) - this.#monotonic();
  }

  called(): void {
    this.#lastCallAt = this.#monotonic();
  }

  /** True when a batch that is not full waits for more; it is woken then. */
  lingers(): boolean {
    const rest = this.#lastCallAt + this.#limits.lingerMs - this.#monotonic();
    if (rest <= 0) return false;
    this.#wait.set(rest);
    return true;
  }

  get isHeartbeatDue(): boolean {
    const { heartbeatMs } = this.#limits;
    return heartbeatMs !== undefined && this.#monotonic() - this.#lastCallAt >= heartbeatMs;
  }

  /** Nothing else to do: the tracker hears from us in time. */
  awaitHeartbeat(): void {
    const { heartbeatMs } = this.#limits;
    if (heartbeatMs !== undefined)
      this.#heartbeat.set(Math.max(1, this.#lastCallAt + heartbeatMs - this.#monotonic()));
  }

  stop(): void {
    this.#wait.clear();
    this.#heartbeat.clear();
  }
}
