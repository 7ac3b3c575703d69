import type { LiveUpdate } from '../../../conventions/hub-api.ts';

/**
 * The page's one connection to the hub's live stream. It opens the stream, comes back with growing pauses when
 * it breaks, and polls the same payload while the stream cannot be had (a proxy that buffers, too many tabs).
 * Everything that touches the world is passed in.
 */
export interface LiveWorld {
  openStream(interval: number): LiveStream;
  /** One `LiveUpdate` with what came after `cursor` (0 = from now). */
  poll(cursor: number): Promise<LiveUpdate>;
  /** Calls `run` once after `ms`; the returned function takes it back. */
  after(ms: number, run: () => void): () => void;
  /** In [0, 1). */
  random(): number;
  now(): number;
}
export interface LiveStream {
  onOpen: (() => void) | undefined;
  onUpdate: ((update: LiveUpdate) => void) | undefined;
  onError: (() => void) | undefined;
  close(): void;
}

export type LiveState =
  | { kind: 'stopped' }
  | { kind: 'connecting' }
  | { kind: 'live' }
  /** `retryAt`: when the next try is made, ms since the epoch. */
  | { kind: 'waiting'; retryAt: number }
  | { kind: 'polling' };

export interface LiveHandlers {
  state(state: LiveState): void;
  /** `missed`: something may lie between this update and the one before it; re-read what is shown. */
  update(update: LiveUpdate, missed: boolean): void;
}

/** Pauses between tries: doubled from the first to the longest, each shortened by up to half at random. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;
/** Failed tries in a row after which polling fills the gap. */
const TRIES_BEFORE_POLLING = 3;
/** While polling works, the stream is tried again this often. */
const STREAM_RETRY = 60_000;

export class LiveConnection {
  readonly #world: LiveWorld;
  readonly #handlers: LiveHandlers;
  #interval: number;
  #stream: LiveStream | undefined;
  #failures = 0;
  #cursor = 0;
  #received = false;
  #timers = new Set<() => void>();
  #polling = false;
  #cancelRetry: () => void = () => {};
  /** Grows with every start and stop: an answer that belongs to an earlier life is thrown away. */
  #life = 0;

  constructor(world: LiveWorld, handlers: LiveHandlers, interval: number) {
    this.#world = world;
    this.#handlers = handlers;
    this.#interval = interval;
  }

  /** Opens the stream now, whatever was waited for. */
  start(): void {
    this.stop();
    this.#failures = 0;
    this.#open();
  }

  stop(): void {
    this.#life += 1;
    this.#polling = false;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#closeStream();
    this.#handlers.state({ kind: 'stopped' });
  }

  /** Seconds between two updates; takes effect at once. */
  setInterval(seconds: number): void {
    if (seconds === this.#interval) return;
    this.#interval = seconds;
    this.start();
  }

  #open(): void {
    this.#closeStream();
    if (!this.#polling) this.#handlers.state({ kind: 'connecting' });
    const stream = this.#world.openStream(this.#interval);
    this.#stream = stream;
    let first = true;
    stream.onOpen = () => {
      this.#streamWorks();
    };
    stream.onUpdate = (update) => {
      this.#streamWorks();
      this.#deliver(update, first);
      first = false;
    };
    stream.onError = () => {
      this.#closeStream();
      this.#failures += 1;
      if (this.#polling) {
        this.#retryStream(STREAM_RETRY);
      } else if (this.#failures >= TRIES_BEFORE_POLLING) {
        this.#polling = true;
        // Whether the hub or only its stream cannot be had is not known yet; the first poll that works finds out.
        void this.#poll(this.#life, true);
        this.#retryStream(STREAM_RETRY);
      } else {
        this.#wait(() => this.#open());
      }
    };
  }

  #streamWorks(): void {
    this.#failures = 0;
    this.#polling = false;
    this.#handlers.state({ kind: 'live' });
  }

  /** `first` of a new stream: it starts from now, so what lies before it may have been missed. */
  #deliver(update: LiveUpdate, first: boolean): void {
    const missed = update.resync || (first && this.#received);
    this.#received = true;
    this.#cursor = update.cursor;
    this.#handlers.update(update, missed);
  }

  /** `wasDown`: the hub was not seen to answer since the stream broke. */
  async #poll(life: number, wasDown: boolean): Promise<void> {
    if (!this.#polling || life !== this.#life) return;
    let failed = false;
    try {
      const update = await this.#world.poll(this.#cursor);
      if (!this.#polling || life !== this.#life) return;
      this.#failures = TRIES_BEFORE_POLLING;
      this.#handlers.state({ kind: 'polling' });
      this.#deliver(update, false);
      // If it was the hub that could not be had, and not its stream alone, now both may be; so with another hub.
      if (wasDown || update.resync) this.#retryStream(0);
    } catch {
      failed = true;
    }
    if (!this.#polling || life !== this.#life) return;
    if (failed) {
      this.#failures += 1;
      this.#wait(() => void this.#poll(life, true));
    } else {
      this.#after(this.#interval * 1000, () => void this.#poll(life, false));
    }
  }

  /** Tries the stream while polling; takes the place of the try that was planned before. */
  #retryStream(ms: number): void {
    this.#cancelRetry();
    this.#cancelRetry = this.#after(ms, () => this.#open());
  }

  /** Waits the pause that the number of failures asks for. */
  #wait(run: () => void): void {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#failures - 1));
    const pause = longest * (1 - this.#world.random() / 2);
    this.#handlers.state({ kind: 'waiting', retryAt: this.#world.now() + pause });
    this.#after(pause, run);
  }

  #after(ms: number, run: () => void): () => void {
    const cancel = this.#world.after(ms, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
    return cancel;
  }

  #closeStream(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = undefined;
    stream.onOpen = undefined;
    stream.onUpdate = undefined;
    stream.onError = undefined;
    stream.close();
  }
}
