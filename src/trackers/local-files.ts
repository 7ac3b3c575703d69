import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A file on the disk, and its name in an artifact: parts joined by `/`. */
export interface LocalFile {
  readonly path: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * The files of a file or folder, in order of their names; undefined when nothing is there. `name`: of the file, or of
 * the folder that theirs stand below ('' for none).
 */
export async function localFiles(path: string, name: string): Promise<LocalFile[] | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (!info) return undefined;
  if (info.isFile()) return [{ path, name, size: info.size }];
  if (!info.isDirectory()) return undefined;
  const files: LocalFile[] = [];
  for (const entry of (await readdir(path, { withFileTypes: true })).toSorted(byName)) {
    if (!entry.isFile() && !entry.isDirectory()) continue;
    const below = name === '' ? entry.name : `${name}/${entry.name}`;
    files.push(...((await localFiles(join(path, entry.name), below)) ?? []));
  }
  return files;
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
