import { Slice } from './slice.ts';

/** The window moves on in steps of this share of its length. */
export const SLICES = 60;

/** The last `SLICES` slices of time, in a ring: older ones are given up as time goes on. Times are milliseconds. */
export class SlidingSlices {
  readonly sliceLength: number;
  readonly #ring: ({ number: number; slice: Slice } | undefined)[] = Array.from({ length: SLICES });

  constructor(windowLength: number) {
    this.sliceLength = windowLength / SLICES;
  }

  /** The slice that `now` falls into. */
  at(now: number): Slice {
    const number = Math.floor(now / this.sliceLength);
    const place = modulo(number);
    const found = this.#ring[place];
    if (found?.number === number) return found.slice;
    const slice = new Slice();
    this.#ring[place] = { number, slice };
    return slice;
  }

  /** The slices of the window that ends `now`, the one under way included; those from the one that `since` falls into. */
  *last(now: number, since = -Infinity): Iterable<Slice> {
    const current = Math.floor(now / this.sliceLength);
    const oldest = Math.max(current - SLICES + 1, Math.floor(since / this.sliceLength));
    for (const entry of this.#ring) {
      if (entry && entry.number >= oldest && entry.number <= current) yield entry.slice;
    }
  }

  /** When the window that ends `now` began: between 59 and 60 slices ago. */
  start(now: number): number {
    return (Math.floor(now / this.sliceLength) - SLICES + 1) * this.sliceLength;
  }
}

function modulo(number: number): number {
  return ((number % SLICES) + SLICES) % SLICES;
}
