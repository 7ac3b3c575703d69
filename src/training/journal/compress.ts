import { createReadStream, createWriteStream } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { COMPRESSIONS, type Compression } from './segment.ts';

/**
 * Compresses a sealed segment beside itself and then replaces it. Killed on the way, it leaves the original (and a
 * `.part` file that readers do not look at), or both: readers then take the compressed one.
 */
export async function compressSegment(path: string, compression: Compression): Promise<string> {
  const target = `${path}${COMPRESSIONS[compression]}`;
  const part = `${target}.part`;
  const encoder = compression === 'gzip' ? createGzip() : createZstdCompress();
  await pipeline(createReadStream(path), encoder, createWriteStream(part, { flush: true }));
  await rename(part, target);
  await unlink(path);
  return target;
}
