import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SinkRun } from '../sink.ts';
import { readRunFile } from './run-file.ts';

/** Longest part of a name that goes into a folder's name: file systems take 255 bytes. */
const MOST_CHARACTERS = 80;
/** Names that Windows keeps for devices. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * A name that any file system takes, and that leads nowhere else: letters, digits, `.`, `_` and `-`. A name that had
 * to be changed gets a part of its hash, so that two different names stay different.
 */
export function fileName(name: string): string {
  const plain = name
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, '_')
    .replace(/^\.+/, '_')
    .replace(/\.+$/, '_');
  const short = Array.from(plain).slice(0, MOST_CHARACTERS).join('');
  if (short === name && short !== '' && !RESERVED.test(short)) return short;
  return `${short || 'unnamed'}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/**
 * The folder of a run below `logDir`: `<project>/<name>-<id>`, for a rank above 0 `rank-<n>` in it. A run that is here
 * already keeps its folder, whatever its name is now. Another run that has the same id (its journal was deleted) does
 * not mix with the first: its folder also has the time of its start.
 */
export async function findRunFolder(logDir: string, run: SinkRun): Promise<string> {
  const project = join(logDir, fileName(run.project));
  const inside = run.rank > 0 ? `rank-${run.rank}` : '';
  const end = `-${fileName(run.id)}`;
  const wanted = `${fileName(run.name)}${end}`;
  const stamp = new Date(run.startedAt).toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
  const there = (await readdir(project).catch(() => [] as string[])).filter((name) => name.includes(end));
  for (const name of [wanted, ...there.filter((other) => other !== wanted)]) {
    const folder = join(project, name, inside);
    const found = await readRunFile(folder);
    if (found?.id === run.id && found.startedAt === run.startedAt) return folder;
  }
  const taken = await readRunFile(join(project, wanted, inside));
  return join(project, taken ? `${wanted}-${stamp}` : wanted, inside);
}
