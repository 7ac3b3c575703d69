import { constants, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { Transform } from 'node:stream';
import { Refusal } from './refusal.ts';

/**
 * Largest window of a zstd frame: 2^23 bytes, as RFC 9659 asks of "Content-Encoding: zstd". A frame of a few bytes
 * would otherwise have 128 MiB set aside for it.
 */
const ZSTD_WINDOW_LOG = 23;

/** Decompressors by Content-Encoding; the HTTP "deflate" is the zlib format. zstd is there from Node 22.15. */
const DECOMPRESSORS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ...(typeof createZstdDecompress === 'function'
    ? [
        [
          'zstd',
          () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
        ] as [string, () => Transform],
      ]
    : []),
]);
const ACCEPTED = [...DECOMPRESSORS.keys()].filter((name) => name !== 'x-gzip').join(', ');

/**
 * How to make the decompressor of a Content-Encoding header; `undefined` for none. Encodings on top of each other
 * are refused: nothing sends them but bombs.
 */
export function decompressorOf(header: string | undefined): (() => Transform) | undefined {
  const encoding = (header ?? '').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return undefined;
  const make = DECOMPRESSORS.get(encoding);
  if (make !== undefined) return make;
  const what = encoding.includes(',') ? 'more than one Content-Encoding' : 'this Content-Encoding';
  throw new Refusal('badEncoding', `${what} is not accepted; send one of: identity, ${ACCEPTED}`, {
    'Accept-Encoding': ACCEPTED,
  });
}

/**
 * Decompresses a body of which every piece is asked for first: `admit` gets the size so far and throws when that
 * is too much. (zlib's own `maxOutputLength` does not bound its streams.)
 */
export function decompress(
  make: () => Transform,
  body: Uint8Array,
  admit: (total: number) => void,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stream = make();
    const pieces: Buffer[] = [];
    let total = 0;
    const stop = (error: unknown): void => {
      stream.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    stream.on('data', (piece: Buffer) => {
      total += piece.length;
      try {
        admit(total);
      } catch (error) {
        stop(error);
        return;
      }
      pieces.push(piece);
    });
    stream.on('error', (error: Error) =>
      stop(new Refusal('badEncoding', `the body does not decompress: ${error.message}`)),
    );
    stream.on('end', () =>
      resolve(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, total)),
    );
    stream.end(body);
  });
}
