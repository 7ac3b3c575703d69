import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Puts `<path>.gz` in the place of a file. There is always one of the two, whole. */
export async function gzipFile(path: string): Promise<void> {
  const part = `${path}.gz.part`;
  await pipeline(
    createReadStream(path, { highWaterMark: 256 * 1024 }),
    createGzip(),
    createWriteStream(part),
  );
  const file = await open(part, 'r+');
  await file.sync().finally(() => file.close());
  await rename(part, `${path}.gz`);
  await rm(path);
}
