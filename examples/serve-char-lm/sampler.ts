import { setImmediate } from 'node:timers/promises';
import { init, jit, numpy as np, tree } from '@jax-js/jax';
import { loadCheckpoint } from '../train-char-lm/checkpoint.ts';
import { seededRandom, Vocabulary } from '../train-char-lm/data.ts';
import { logits, type Parameters } from '../train-char-lm/model.ts';

export interface SampleOptions {
  maxTokens: number;
  temperature: number;
  seed: number;
  /** Looked at before each token: generation stops when it returns true. */
  stopped: () => boolean;
}

/** A trained character model that continues texts, one token (character) after another. */
export class Sampler {
  readonly runId: string;
  readonly context: number;
  readonly #vocabulary: Vocabulary;
  readonly #next: (context: Int32Array<ArrayBuffer>) => Promise<Float32Array>;

  private constructor(
    runId: string,
    context: number,
    vocabulary: Vocabulary,
    next: (context: Int32Array<ArrayBuffer>) => Promise<Float32Array>,
  ) {
    this.runId = runId;
    this.context = context;
    this.#vocabulary = vocabulary;
    this.#next = next;
  }

  static async load(path: string): Promise<Sampler> {
    await init();
    const { shape, characters, runId, parameters } = loadCheckpoint(path);
    const forward = jit((p: Parameters, x: np.Array) => logits(shape, p, x));
    const next = async (context: Int32Array<ArrayBuffer>) => {
      const input = np.array(context, { dtype: np.int32 }).reshape([1, shape.context]);
      return (await forward(tree.ref(parameters), input).data()) as Float32Array;
    };
    return new Sampler(runId, shape.context, new Vocabulary(characters), next);
  }

  /** Tokens of a text: one a character. */
  count(text: string): number {
    return Array.from(text).length;
  }

  async *sample(prompt: string, options: SampleOptions): AsyncGenerator<string> {
    const vocabulary = this.#vocabulary;
    const random = seededRandom(options.seed);
    const known = [...vocabulary.encode(prompt)];
    for (let n = 0; n < options.maxTokens; n++) {
      // jax-js computes without giving the event loop a turn: this lets the last token out, and new requests in.
      await setImmediate();
      if (options.stopped()) return;
      const recent = known.slice(-this.context);
      const context = new Int32Array(this.context);
      context.set(recent);
      const all = await this.#next(context);
      // The logits of the last real character: the rest of the window is padding that attention cannot see.
      const row = all.subarray(
        (Math.max(recent.length, 1) - 1) * vocabulary.size,
        Math.max(recent.length, 1) * vocabulary.size,
      );
      const token = draw(row, options.temperature, random);
      known.push(token);
      yield vocabulary.decode(token);
    }
  }
}

/** Draws from softmax(row / temperature); temperature 0 takes the largest. */
function draw(row: Float32Array, temperature: number, random: () => number): number {
  const largest = row.reduce((best, value, i) => (value > (row[best] as number) ? i : best), 0);
  if (temperature <= 0) return largest;
  const peak = row[largest] as number;
  const weights = Float64Array.from(row, (value) => Math.exp((value - peak) / temperature));
  let left = random() * weights.reduce((a, b) => a + b, 0);
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i] as number;
    if (left <= 0) return i;
  }
  return largest;
}
