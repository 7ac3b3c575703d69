import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, extname, join, relative, sep } from 'node:path';
import type { SinkArtifact } from '../sink.ts';
import { syncFolder } from './atomic-file.ts';
import type { StoredArtifact } from './run-file.ts';
import { fileName } from './run-folder.ts';

const FOLDER = 'artifacts';

/**
 * Copies a recorded file (or folder) into the run's folder and checks its hash. The copy has its name when it is
 * complete. A content that is there already is not copied again; the second content of a name gets the record's
 * number. What cannot be had is told in `problem`; only a disk that does not take it rejects.
 */
export async function storeArtifact(
  folder: string,
  artifact: SinkArtifact,
  stored: readonly StoredArtifact[],
  signal: AbortSignal | undefined,
): Promise<StoredArtifact> {
  const { name, kind, time, path: source, size, sha256, metadata } = artifact;
  const base = { name, kind, time, source, size, sha256, metadata };
  const same = stored.find((other) => other.path !== null && other.sha256 === sha256 && !other.problem);
  if (same) return { ...base, path: same.path };
  const info = await stat(source).catch((error: NodeJS.ErrnoException) => error);
  if (info instanceof Error)
    return { ...base, path: null, problem: `could not be read any more (${info.code ?? info.message})` };
  const path = [FOLDER, freeName(name, artifact.seq, stored)].join('/');
  const target = join(folder, path);
  const part = `${target}.part`;
  await rm(part, { recursive: true, force: true });
  await mkdir(dirname(part), { recursive: true });
  const copied = info.isDirectory()
    ? await copyFolder(source, part, signal)
    : await copyFile(source, part, signal);
  // a copy that was made before a crash, and is in no run.json
  await rm(target, { recursive: true, force: true });
  await rename(part, target);
  await syncFolder(dirname(target));
  if (copied === sha256) return { ...base, path };
  return { ...base, path, problem: `had changed when it was copied: the copy's SHA-256 is ${copied}` };
}

function freeName(name: string, seq: number, stored: readonly StoredArtifact[]): string {
  const plain = name
    .split(/[\\/]+/)
    .map(fileName)
    .join('_');
  const taken = new Set(stored.map(({ path }) => path));
  if (!taken.has(`${FOLDER}/${plain}`)) return plain;
  const end = extname(plain);
  return `${plain.slice(0, plain.length - end.length)}-${seq}${end}`;
}

/** @returns SHA-256 of what was copied, lower-case hex */
async function copyFile(source: string, target: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(target, 'w');
  try {
    const chunks = createReadStream(source, { highWaterMark: 1024 * 1024, ...(signal ? { signal } : {}) });
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** @returns the hash of a folder as a run records it: of the lines `sha256  path` of its files, sorted by path */
async function copyFolder(source: string, target: string, signal: AbortSignal | undefined): Promise<string> {
  await mkdir(target, { recursive: true });
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  const lines: { path: string; sha256: string }[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const path = relative(source, from);
    const to = join(target, path);
    await mkdir(dirname(to), { recursive: true });
    lines.push({ path: path.split(sep).join('/'), sha256: await copyFile(from, to, signal) });
  }
  lines.sort((a, b) => (a.path < b.path ? -1 : 1));
  return createHash('sha256')
    .update(lines.map(({ sha256, path }) => `${sha256}  ${path}\n`).join(''))
    .digest('hex');
}
