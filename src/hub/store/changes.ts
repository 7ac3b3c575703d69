import type { StoreChange } from './store.ts';

/** At most four calls a second. */
const EVERY_MS = 250;

/** Tells listeners, some while after data were stored, what kind they were. */
export class Changes {
  readonly #cursor: () => number;
  readonly #onFailure: (error: unknown) => void;
  readonly #listeners = new Set<(change: StoreChange) => void>();
  readonly #runs = new Set<string>();
  #metrics = false;
  #traces = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(cursor: () => number, onFailure: (error: unknown) => void) {
    this.#cursor = cursor;
    this.#onFailure = onFailure;
  }

  listen(listener: (change: StoreChange) => void): () => void {
    // Wrapped, so that one function that listens twice is two listeners.
    const own = (change: StoreChange): void => listener(change);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  note(change: { runs?: Iterable<string>; metrics?: boolean; traces?: boolean }): void {
    if (this.#listeners.size === 0) return;
    for (const run of change.runs ?? []) this.#runs.add(run);
    this.#metrics ||= change.metrics === true;
    this.#traces ||= change.traces === true;
    if (this.#runs.size > 0 || this.#metrics || this.#traces) {
      this.#timer ??= setTimeout(() => this.#tell(), EVERY_MS).unref();
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  #tell(): void {
    const change = {
      cursor: this.#cursor(),
      runs: [...this.#runs],
      metrics: this.#metrics,
      traces: this.#traces,
    };
    this.#timer = undefined;
    this.#runs.clear();
    this.#metrics = false;
    this.#traces = false;
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#onFailure(error);
      }
    }
  }
}
