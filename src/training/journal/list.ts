import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ATTR } from '../../conventions/index.ts';
import { CursorFile } from './cursor.ts';
import { isLocked } from './lock.ts';
import { listSegments, readHeader } from './reader.ts';
import type { SegmentHeader } from './segment.ts';

/** One rank's journal, as far as it shows without reading its records. */
export interface JournalInfo {
  /** Its folder: what `readJournal` reads. */
  readonly dir: string;
  readonly runId: string;
  readonly name: string;
  readonly project: string;
  readonly rank: number;
  /** Number of starts. */
  readonly attempts: number;
  /** Start of the first and of the newest attempt, milliseconds since the epoch. */
  readonly firstStart: number;
  readonly lastStart: number;
  /** Bytes on the disk. */
  readonly bytes: number;
  /** A live process writes to it. */
  readonly live: boolean;
  /** Highest `seq` that any receiver has acknowledged; -1 for none. */
  readonly acknowledged: number;
}

/** The journals in a folder (`journalDir`), one for each run and rank. A folder that is no journal is passed over. */
export async function* listJournals(journalDir: string): AsyncGenerator<JournalInfo, void, undefined> {
  for (const run of await folders(journalDir)) {
    for (const rank of (await folders(join(journalDir, run))).sort((a, b) => Number(a) - Number(b))) {
      const info = await journalInfo(join(journalDir, run, rank));
      if (info) yield info;
    }
  }
}

async function journalInfo(dir: string): Promise<JournalInfo | undefined> {
  const segments = await listSegments(dir);
  let first: SegmentHeader | undefined;
  let newest: SegmentHeader | undefined;
  let attempt = 0;
  let bytes = 0;
  for (const segment of segments) {
    bytes += await stat(join(dir, segment.file)).then(
      (info) => info.size,
      () => 0,
    );
    if (segment.attempt === attempt) continue;
    const header = await readHeader(dir, segment).catch(() => undefined);
    if (!header) continue;
    attempt = segment.attempt;
    first ??= header;
    newest = header;
  }
  if (!first || !newest) return undefined;
  return {
    dir,
    runId: first.run,
    name: String(newest.resource[ATTR.runName] ?? ''),
    project: String(newest.resource[ATTR.runProject] ?? ''),
    rank: first.rank,
    attempts: attempt,
    firstStart: first.time,
    lastStart: newest.time,
    bytes,
    live: isLocked(dir),
    acknowledged: new CursorFile(dir).highest(),
  };
}

async function folders(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
