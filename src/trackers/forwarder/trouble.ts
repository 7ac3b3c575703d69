import type { SinkStatus } from '../../conventions/index.ts';
import { type SinkBackOff, waitMs } from './back-off.ts';
import type { CallOutcome } from './sink-call.ts';

export type Failure = Extract<CallOutcome, { ok: false }>;
type Kind = Extract<SinkStatus, 'unavailable' | 'refusing' | 'unauthorized'>;

export interface TroubleOptions {
  /** The sink, for people. */
  readonly place: string;
  readonly backOff: SinkBackOff;
  readonly monotonic: () => number;
  readonly now: () => number;
  readonly tell: (message: string) => void;
}

/** A sink that warns of something else each time must not fill the log. */
const MOST_ONCE = 100;
const TELL_AGAIN_MS = 60_000;
/** Waits for what is not going to heal by itself are longer by this. */
const HOPELESS_FACTOR = 10;

const ADVICE: Readonly<Record<Kind, string>> = {
  unavailable: 'The run goes on; its records wait and are sent later.',
  refusing: 'Nothing was given up; it is tried again by and by. Check its address and its options.',
  unauthorized: 'Give it the credentials that it wants; the records wait meanwhile.',
};

/** What is wrong with a sink, since when, and how long to leave it alone. */
export class SinkTrouble {
  readonly #options: TroubleOptions;
  readonly #once = new Set<string>();
  readonly #toldAt = new Map<string, number>();
  /** In a row. */
  failures = 0;
  /** Calls that were, or will be, made again. */
  retried = 0;
  kind: Kind | undefined;
  lastError: string | undefined;
  lastErrorAt: number | undefined;
  /** Monotonic time at which the sink itself, by Retry-After, wants to be asked again. */
  askedUntil = -Infinity;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /** A call was taken. */
  over(): void {
    this.failures = 0;
    this.kind = undefined;
  }

  note(failure: Failure): void {
    this.lastError = failure.message;
    this.lastErrorAt = this.#options.now();
  }

  /** The sink itself has failed, not a record. Gives how long to wait, and how long one who is waited for does. */
  failed(failure: Failure): { patient: number; hurried: number } {
    const { place, backOff, monotonic } = this.#options;
    this.failures++;
    this.retried++;
    const kind: Kind =
      failure.kind === 'unauthorized'
        ? 'unauthorized'
        : failure.kind === 'refused'
          ? 'refusing'
          : 'unavailable';
    this.kind = kind;
    this.tell(kind, `${place}: ${failure.message}. ${ADVICE[kind]}`);
    const wait = waitMs(backOff, this.failures, failure.retryAfterMs);
    if (failure.retryAfterMs !== undefined) {
      this.askedUntil = monotonic() + wait;
      return { patient: wait, hurried: wait };
    }
    return { patient: wait * (kind === 'unavailable' ? 1 : HOPELESS_FACTOR), hurried: Math.min(wait, 1000) };
  }

  /** Tells people, each text once. */
  once(message: string): void {
    if (this.#once.has(message) || this.#once.size >= MOST_ONCE) return;
    this.#once.add(message);
    this.#options.tell(message);
  }

  /** Tells people, each kind of thing at most once a minute. */
  tell(what: string, message: string): void {
    const at = this.#options.monotonic();
    if (at - (this.#toldAt.get(what) ?? -Infinity) < TELL_AGAIN_MS) return;
    this.#toldAt.set(what, at);
    this.#options.tell(message);
  }
}
