/** A tracker that is ill is asked for so little: it must not be kept ill. */
const PROBE_ENTRIES = 50;

/** How many entries of the source a call may take now: the sink's limit, less while it fails, growing again. */
export class Appetite {
  readonly #max: number;
  #entries: number;

  constructor(max: number) {
    this.#max = max;
    this.#entries = max;
  }

  get entries(): number {
    return this.#entries;
  }

  /** A call was taken. */
  grow(): void {
    this.#entries = Math.min(this.#max, this.#entries * 2);
  }

  /** Half of what the call had that failed. */
  halve(entries = this.#entries): void {
    this.#entries = Math.max(1, Math.ceil(entries / 2));
  }

  probe(): void {
    this.#entries = Math.min(this.#entries, PROBE_ENTRIES);
  }
}
