import type { DropReason } from '../dropped.ts';
import type { DeliveryOutcome } from '../event-exporter.ts';

export interface BatchQueueOptions<T> {
  /** Items held at most, those under way included. */
  readonly maxQueueSize: number;
  readonly maxBatchSize: number;
  /** A batch that is not full is sent after this time, in milliseconds. */
  readonly delayMs: number;
  /** Must not reject. */
  send(batch: T[]): Promise<DeliveryOutcome>;
  /** Told of every item that is given up. */
  drop(reason: DropReason, items: readonly T[]): void;
  /** What gives way when the queue is full. Default `new`, as the OpenTelemetry SDKs do. */
  readonly whenFull?: 'new' | 'oldest';
  /** In [0, 1). Default Math.random. */
  readonly random?: () => number;
}

/** Wait after the first failure; doubled with each further one. */
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 30_000;
/** While somebody waits for a flush, a busy receiver is asked again sooner. */
const FIRST_FLUSH_BACKOFF_MS = 200;
const MAX_FLUSH_BACKOFF_MS = 1000;
const JITTER = 0.2;
const PAYLOAD_TOO_LARGE = 413;

/**
 * A bounded queue that lets go of a batch only when the receiver has it or says that it is bad. The SDK's batch
 * processors give a batch up after one export; here an outage costs nothing until the queue is full.
 *
 * One batch is under way at a time. No timer keeps the process alive.
 */
export class BatchQueue<T> {
  readonly #options: BatchQueueOptions<T>;
  #waiting: T[] = [];
  /** Under way, or kept for the next try. */
  #batch: T[] = [];
  /** Items that left the queue, delivered or dropped. */
  #settled = 0;
  /** Send partial batches too until this many items have left. */
  #until = 0;
  #failures = 0;
  #running = false;
  #closed = false;
  #delay: NodeJS.Timeout | undefined;
  #endPause: (() => void) | undefined;
  #waiters: { until: number; done: () => void }[] = [];

  constructor(options: BatchQueueOptions<T>) {
    this.#options = options;
  }

  /** Items not yet taken by the receiver. */
  get size(): number {
    return this.#waiting.length + this.#batch.length;
  }

  /** Did the last try find no receiver? What is held then would not go out with another flush. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Without effect after `close`, as with the SDK's processors after their shutdown. */
  add(item: T): void {
    if (this.#closed) return;
    if (this.size >= this.#options.maxQueueSize) {
      if (this.#options.whenFull !== 'oldest' || this.#waiting.length === 0) {
        this.#options.drop('queue_full', [item]);
        return;
      }
      this.#settle('queue_full', [this.#waiting.shift() as T]);
    }
    this.#waiting.push(item);
    if (this.#waiting.length >= this.#options.maxBatchSize) this.#start();
    else if (!this.#delay && !this.#running) {
      this.#delay = setTimeout(() => {
        this.#until = this.#settled + this.size;
        this.#start();
      }, this.#options.delayMs);
      this.#delay.unref();
    }
  }

  /**
   * Sends what is held now. Resolves when all of it is delivered or dropped, or when the receiver cannot be
   * reached: then it stays in the queue. A receiver that is merely busy is asked again until it takes it, so the
   * caller sets the deadline.
   */
  flush(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    const until = this.#settled + this.size;
    this.#until = Math.max(this.#until, until);
    return new Promise((resolve) => {
      this.#waiters.push({ until, done: resolve });
      this.#endPause?.();
      this.#start();
    });
  }

  /** Gives up what is left and takes nothing more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#delay);
    this.#endPause?.();
    const left = [...this.#batch, ...this.#waiting];
    this.#batch = [];
    this.#waiting = [];
    if (left.length > 0) this.#settle('shutdown', left);
    this.#releaseWaiters(true);
  }

  #start(): void {
    clearTimeout(this.#delay);
    this.#delay = undefined;
    if (this.#running) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
      this.#releaseWaiters(true);
      // What was added while the last batch was under way waits for its delay, or goes at once when it is a batch.
      const next = this.#closed ? undefined : this.#waiting.pop();
      if (next !== undefined) this.add(next);
    });
  }

  async #run(): Promise<void> {
    while (!this.#closed && this.#hasWork()) {
      if (this.#batch.length === 0) this.#batch = this.#waiting.splice(0, this.#options.maxBatchSize);
      const batch = this.#batch;
      const outcome = await this.#options.send(batch);
      if (this.#closed) return;
      if (outcome.ok || outcome.kind === 'refused') {
        this.#failures = 0;
        this.#batch = [];
        if (outcome.ok) this.#settle(undefined, batch);
        else this.#refused(batch, outcome);
        this.#releaseWaiters(false);
        continue;
      }
      this.#failures++;
      if (!isBusy(outcome)) this.#releaseWaiters(true);
      await this.#pause(outcome.retryAfterMs);
    }
  }

  #hasWork(): boolean {
    return (
      this.#batch.length > 0 ||
      this.#waiting.length >= this.#options.maxBatchSize ||
      (this.#waiting.length > 0 && this.#settled < this.#until)
    );
  }

  #refused(batch: T[], outcome: Extract<DeliveryOutcome, { ok: false }>): void {
    if (outcome.status === PAYLOAD_TOO_LARGE && batch.length > 1) {
      // Halves may pass: the first is tried next, the second goes back to the head of the queue.
      const half = batch.length >>> 1;
      this.#batch = batch.slice(0, half);
      this.#waiting = [...batch.slice(half), ...this.#waiting];
      this.#until = Math.max(this.#until, this.#settled + batch.length);
      return;
    }
    // After a partial success only so many are lost; which ones is not said.
    const lost = Math.min(outcome.rejected ?? batch.length, batch.length);
    this.#settle('refused', batch.slice(0, lost));
    this.#settle(undefined, batch.slice(lost));
  }

  #settle(reason: DropReason | undefined, items: readonly T[]): void {
    this.#settled += items.length;
    if (reason && items.length > 0) this.#options.drop(reason, items);
  }

  #releaseWaiters(all: boolean): void {
    const released = this.#waiters.filter(({ until }) => all || until <= this.#settled);
    if (released.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !released.includes(waiter));
    for (const { done } of released) done();
  }

  async #pause(retryAfterMs: number | undefined): Promise<void> {
    const flushing = this.#waiters.length > 0;
    const [first, max] = flushing
      ? [FIRST_FLUSH_BACKOFF_MS, MAX_FLUSH_BACKOFF_MS]
      : [FIRST_BACKOFF_MS, MAX_BACKOFF_MS];
    const jitter = 1 + JITTER * (2 * (this.#options.random ?? Math.random)() - 1);
    const backoff = Math.min(first * 2 ** (this.#failures - 1), max) * jitter;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(backoff, retryAfterMs ?? 0));
      timer.unref();
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}

/** The receiver is there and asks for patience, so that a flush may wait for it. */
function isBusy(outcome: Extract<DeliveryOutcome, { ok: false }>): boolean {
  return outcome.kind === 'unavailable' && (outcome.status === 429 || (outcome.status ?? 0) >= 500);
}
