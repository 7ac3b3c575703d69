import type { ForwardSource, SourceEntry, SourceLimit } from './source.ts';

/** Entries read ahead of a sink's cursor: as many as a batch may take, so that a batch can be filled and retried. */
export class Feed {
  readonly #source: ForwardSource;
  #entries: SourceEntry[] = [];
  /** `seq` that the next read goes on after. */
  #readTo: number;

  constructor(source: ForwardSource, after: number) {
    this.#source = source;
    this.#readTo = after;
  }

  /** The entries from the cursor on, at most `limit.records`, fewer when there are no more now. */
  async read(limit: SourceLimit): Promise<readonly SourceEntry[]> {
    while (this.#entries.length < limit.records) {
      const more = await this.#source.after(this.#readTo, {
        records: limit.records - this.#entries.length,
        bytes: limit.bytes,
      });
      const last = more.at(-1);
      if (!last) break;
      this.#entries.push(...more);
      this.#readTo = last.seq;
      if (this.#entries.reduce((sum, { size }) => sum + size, 0) >= limit.bytes) break;
    }
    return this.#entries;
  }

  /** Everything up to `seq` is done with. */
  passed(seq: number): void {
    const rest = this.#entries.findIndex((entry) => entry.seq > seq);
    this.#entries = rest < 0 ? [] : this.#entries.slice(rest);
  }

  /** Reads again from after `seq`. */
  rewind(seq: number): void {
    this.#entries = [];
    this.#readTo = seq;
  }
}
