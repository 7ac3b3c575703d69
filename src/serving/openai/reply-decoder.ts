import { constants, createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import * as zlib from 'node:zlib';
import type { Transform } from 'node:stream';

/** A decoded piece of a reply, with the time at which the program wrote the piece that completed it. */
export type TakeDecoded = (chunk: Uint8Array, at: number) => void;

/** Every piece is given out as soon as it can be: otherwise the first token would come late. */
const FLUSH = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(FLUSH),
  'x-gzip': () => createGunzip(FLUSH),
  deflate: () => createInflate(FLUSH),
  br: () =>
    createBrotliDecompress({
      flush: constants.BROTLI_OPERATION_FLUSH,
      finishFlush: constants.BROTLI_OPERATION_FLUSH,
    }),
  zstd: () => zlib.createZstdDecompress(),
};

/** Compressed bytes that may wait for the decoder; more means that it does not keep up, and the reply is given up. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** Whether replies of this `content-encoding` can be read. */
export function canDecode(encoding: string): boolean {
  return Object.hasOwn(DECODERS, encoding);
}

/** Decompresses a copy of a compressed reply, piece by piece, beside the program's own stream. */
export class ReplyDecoder {
  readonly #take: TakeDecoded;
  readonly #stream: Transform;
  #waiting: { chunk: Uint8Array; at: number }[] = [];
  #waitingBytes = 0;
  #busy = false;
  #currentAt = 0;
  #ending: (() => void) | undefined;
  #failed = false;

  constructor(encoding: string, take: TakeDecoded) {
    this.#take = take;
    this.#stream = (DECODERS[encoding] as () => Transform)();
    this.#stream.on('data', (chunk: Uint8Array) => this.#take(chunk, this.#currentAt));
    // Not what it claims to be, or cut off: what came until now counts.
    this.#stream.on('error', () => this.#giveUp());
    this.#stream.on('end', () => this.#finish());
  }

  push(chunk: Uint8Array, at: number): void {
    if (this.#failed) return;
    this.#waitingBytes += chunk.byteLength;
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#giveUp();
      return;
    }
    // A copy: it is read later, and the program may use its buffer again.
    this.#waiting.push({ chunk: Uint8Array.from(chunk), at });
    this.#next();
  }

  /** Calls `done` when everything that was pushed is decoded, or cannot be. */
  end(done: () => void): void {
    this.#ending = done;
    if (this.#failed) this.#finish();
    else this.#next();
  }

  #next(): void {
    if (this.#busy || this.#failed) return;
    const piece = this.#waiting.shift();
    if (!piece) {
      if (this.#ending) this.#stream.end();
      return;
    }
    this.#busy = true;
    this.#currentAt = piece.at;
    // One at a time: what comes out before the callback belongs to this piece.
    this.#stream.write(piece.chunk, () => {
      this.#busy = false;
      this.#waitingBytes -= piece.chunk.byteLength;
      this.#next();
    });
  }

  #giveUp(): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#waiting = [];
    this.#stream.destroy();
    this.#finish();
  }

  #finish(): void {
    const done = this.#ending;
    this.#ending = undefined;
    done?.();
  }
}
