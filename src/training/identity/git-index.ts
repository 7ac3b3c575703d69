import { createHash } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface IndexEntry {
  path: string;
  mode: number;
  size: number;
  mtimeSeconds: number;
  hash: string;
}

/** A repository with more files than this, or files to hash larger than that, is not looked at. */
const MAX_ENTRIES = 20_000;
const MAX_HASHED_BYTES = 4 * 1024 * 1024;
const AT_ONCE = 64;

const MODE_TYPE = 0o170000;
const REGULAR = 0o100000;
const SKIP_WORKTREE = 0x4000;
const EXTENDED = 0x4000;

/**
 * Whether a tracked file differs from the index; undefined when that cannot be told cheaply. Sizes are compared
 * first, contents only where the time differs (as git does).
 */
export async function isDirty(gitDir: string, workTree: string): Promise<boolean | undefined> {
  try {
    const entries = parseIndex(await readFile(join(gitDir, 'index')));
    if (!entries || entries.length > MAX_ENTRIES) return undefined;
    for (let i = 0; i < entries.length; i += AT_ONCE) {
      const changed = await Promise.all(
        entries.slice(i, i + AT_ONCE).map((entry) => differs(workTree, entry)),
      );
      if (changed.includes(true)) return true;
    }
    return false;
  } catch {
    return undefined;
  }
}

async function differs(workTree: string, entry: IndexEntry): Promise<boolean> {
  const path = join(workTree, entry.path);
  const info = await lstat(path).catch(() => undefined);
  if (!info) return true;
  if ((entry.mode & MODE_TYPE) !== REGULAR || !info.isFile())
    return !info.isSymbolicLink() && !info.isDirectory();
  if (info.size !== entry.size) return true;
  if (Math.floor(info.mtimeMs / 1000) === entry.mtimeSeconds || info.size > MAX_HASHED_BYTES) return false;
  const algorithm = entry.hash.length === 64 ? 'sha256' : 'sha1';
  const hash = createHash(algorithm)
    .update(`blob ${info.size}\u0000`)
    .update(await readFile(path));
  return hash.digest('hex') !== entry.hash;
}

/**
 * Entries of an index file, version 2 or 3 (git's Documentation/gitformat-index.txt); undefined for version 4, whose
 * paths are compressed, and for repositories whose hashes are not SHA-1.
 */
export function parseIndex(bytes: Buffer): IndexEntry[] | undefined {
  if (bytes.toString('latin1', 0, 4) !== 'DIRC') return undefined;
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) return undefined;
  const count = bytes.readUInt32BE(8);
  const entries: IndexEntry[] = [];
  let at = 12;
  for (let i = 0; i < count; i++) {
    const flags = bytes.readUInt16BE(at + 60);
    const extended = (flags & EXTENDED) !== 0 ? 2 : 0;
    const skipped = extended > 0 && (bytes.readUInt16BE(at + 62) & SKIP_WORKTREE) !== 0;
    const start = at + 62 + extended;
    const end = bytes.indexOf(0, start);
    if (end < 0) return undefined;
    if (!skipped)
      entries.push({
        path: bytes.toString('utf8', start, end),
        mode: bytes.readUInt32BE(at + 24),
        size: bytes.readUInt32BE(at + 36),
        mtimeSeconds: bytes.readUInt32BE(at + 8),
        hash: bytes.toString('hex', at + 40, at + 60),
      });
    // entries are padded with one to eight zero bytes to a multiple of eight
    at += (62 + extended + (end - start) + 8) & ~7;
  }
  return entries;
}
