import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Writable } from 'node:stream';

/** Where a file sink writes: a path (made anew), or a stream that stays open (standard output). */
export type Output = string | Writable;

/** Writes text and waits until it is taken, so that a large run does not pile up in memory. */
export class TextOutput {
  readonly #stream: Writable;
  readonly #owned: boolean;
  #error: Error | undefined;

  constructor(stream: Writable, owned: boolean) {
    this.#stream = stream;
    this.#owned = owned;
    stream.on('error', (error) => {
      this.#error ??= error;
    });
  }

  static async open(output: Output): Promise<TextOutput> {
    if (typeof output !== 'string') return new TextOutput(output, false);
    await mkdir(dirname(output), { recursive: true });
    return new TextOutput(createWriteStream(output), true);
  }

  async write(text: string): Promise<void> {
    if (this.#error) throw this.#error;
    if (text === '') return;
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    if (!this.#owned) return;
    this.#stream.end();
    await finished(this.#stream);
  }
}
