import { hashBytes, sameBytes } from './byte-key.ts';
import type { MetricEntry, ResourceEntry, Series } from './series.ts';

interface Entry {
  bytes: Uint8Array;
  series: Series;
}

/** Other orders of one attribute set that are remembered; a sender has one. */
const MOST_FORMS = 8;

/** The series of one metric of one resource and scope, found by the bytes of their attributes. */
export class SeriesSet {
  readonly metric: MetricEntry;
  readonly resource: ResourceEntry;
  readonly scope: string;
  readonly #byHash = new Map<number, Entry[]>();
  readonly #byText = new Map<string, Series>();
  readonly #forms = new Map<Series, number>();
  /** Senders export series in the same order each time: the guess that spares the hash. */
  #order: (Entry | undefined)[] = [];

  constructor(metric: MetricEntry, resource: ResourceEntry, scope: string) {
    this.metric = metric;
    this.resource = resource;
    this.scope = scope;
  }

  get size(): number {
    return this.#byText.size;
  }

  /** `position` is the place of the point in its request. */
  byBytes(bytes: Uint8Array, position: number): Series | undefined {
    const guess = this.#order[position];
    if (guess !== undefined && sameBytes(guess.bytes, bytes)) return guess.series;
    const entry = this.#byHash.get(hashBytes(bytes))?.find((entry) => sameBytes(entry.bytes, bytes));
    if (entry !== undefined && position <= this.#order.length) this.#order[position] = entry;
    return entry?.series;
  }

  byText(text: string): Series | undefined {
    return this.#byText.get(text);
  }

  /** Remembers a form of a series; `bytes` are copied, since they are a view of a whole request. */
  learn(bytes: Uint8Array, text: string, series: Series): void {
    this.#byText.set(text, series);
    const forms = this.#forms.get(series) ?? 0;
    if (forms >= MOST_FORMS) return;
    this.#forms.set(series, forms + 1);
    const hash = hashBytes(bytes);
    const entry = { bytes: bytes.slice(), series };
    const list = this.#byHash.get(hash);
    if (list === undefined) this.#byHash.set(hash, [entry]);
    else list.push(entry);
  }

  /** Forgets series that `gone` names. */
  forget(gone: (series: Series) => boolean): void {
    for (const [text, series] of this.#byText) if (gone(series)) this.#byText.delete(text);
    for (const series of this.#forms.keys()) if (gone(series)) this.#forms.delete(series);
    for (const [hash, list] of this.#byHash) {
      const kept = list.filter((entry) => !gone(entry.series));
      if (kept.length === 0) this.#byHash.delete(hash);
      else this.#byHash.set(hash, kept);
    }
    this.#order = [];
  }
}
