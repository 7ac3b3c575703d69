import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** What is known of a file without keeping it. */
export interface Fingerprint {
  /** Bytes; of a folder, of all files in it. */
  size: number;
  /** Lower-case hex. Of a folder: of the lines `sha256  path` of its files, sorted by path. */
  sha256: string;
  /** Number of files; 1 for a file. */
  files: number;
  isFolder: boolean;
}

/** Reads a file (or every file of a folder) as a stream: any size in bounded memory. Rejects when it cannot be read. */
export async function fingerprint(path: string): Promise<Fingerprint> {
  const info = await stat(path);
  if (!info.isDirectory()) return { ...(await hashFile(path)), files: 1, isFolder: false };
  const files = (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const lines: string[] = [];
  let size = 0;
  for (const file of files) {
    const hashed = await hashFile(file);
    size += hashed.size;
    lines.push(`${hashed.sha256}  ${relative(path, file).split(sep).join('/')}`);
  }
  lines.sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1));
  const sha256 = createHash('sha256')
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest('hex');
  return { size, sha256, files: files.length, isFolder: true };
}

async function hashFile(path: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest('hex') };
}
