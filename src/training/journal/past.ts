import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ATTR, EVENT, type RunEndStatus } from '../../conventions/index.ts';
import { SINKS_FILE, SinkCursorFile } from '../../trackers/index.ts';
import { CursorFile } from './cursor.ts';
import { runFolder } from './folder.ts';
import { listSegments, readHeader, readSegment } from './reader.ts';
import { type JournalRecord, stepOf } from './record.ts';
import type { ResourceMap } from './segment.ts';

/** What a journal says about the run so far. */
export interface Past {
  run: string;
  rank: number;
  /** Newest attempt. */
  attempt: number;
  lastSeq: number;
  lastTime: number;
  lastStep: number;
  totalTokens: number;
  /** Of the newest attempt; undefined when it has no end (or has records after it). */
  ended: RunEndStatus | undefined;
  resource: ResourceMap;
}

const TOTAL_TOKENS = 'train/tokens';
/** Keys of records that belong to a step without being one. */
const BESIDE_TRAINING = /^(val|dpo|lora)\//;
/** Segments with steps but without a sum of tokens: after so many, the run is taken not to count tokens. */
const MAX_LOOKED = 3;

/** Reads the end of a rank's journal: newest segments first, until there is a step. Undefined when there is nothing. */
export async function readPast(dir: string): Promise<Past | undefined> {
  const segments = await listSegments(dir);
  let past: Past | undefined;
  let looked = 0;
  for (const segment of segments.toReversed()) {
    let last: JournalRecord | undefined;
    let step: number | undefined;
    let tokens: number | undefined;
    for await (const { header, record } of readSegment(dir, segment)) {
      last = record;
      past ??= {
        run: header.run,
        rank: header.rank,
        attempt: header.attempt,
        lastSeq: -1,
        lastTime: 0,
        lastStep: -1,
        totalTokens: 0,
        ended: undefined,
        resource: header.resource,
      };
      if (record.event !== EVENT.trainingStep || typeof record.body !== 'object') continue;
      if (!Object.keys(record.body).some((key) => !BESIDE_TRAINING.test(key))) continue;
      step = stepOf(record) ?? step;
      const total = record.body[TOTAL_TOKENS];
      if (typeof total === 'number') tokens = total;
    }
    if (!past || !last) continue;
    if (past.lastSeq < 0) {
      past.lastSeq = last.seq;
      past.lastTime = last.time;
      if (last.event === EVENT.runEnd) past.ended = last.attributes[ATTR.runStatus] as RunEndStatus;
    }
    if (past.lastStep < 0 && step !== undefined) past.lastStep = step;
    if (tokens !== undefined) past.totalTokens = tokens;
    if (past.lastStep >= 0 && (tokens !== undefined || ++looked >= MAX_LOOKED)) break;
  }
  if (!past) return undefined;
  // what a receiver has acknowledged was recorded, even if a power cut took it from the disk
  past.lastSeq = Math.max(
    past.lastSeq,
    new CursorFile(dir).highest(),
    new SinkCursorFile(join(dir, SINKS_FILE)).highest(),
  );
  return past;
}

/** Whether any rank of the run has a journal here. */
export async function hasJournal(journalDir: string, runId: string): Promise<boolean> {
  for (const rank of await names(runFolder(journalDir, runId))) {
    if ((await listSegments(join(runFolder(journalDir, runId), rank))).length > 0) return true;
  }
  return false;
}

/** The newest run of that project (and name, when given) in a folder of journals, by its last start. */
export async function newestRun(
  journalDir: string,
  wanted: { project: string; name?: string },
): Promise<string | undefined> {
  let newest: { id: string; time: number } | undefined;
  for (const folder of await names(journalDir)) {
    for (const rank of await names(join(journalDir, folder))) {
      const dir = join(journalDir, folder, rank);
      const segments = await listSegments(dir);
      const attempt = segments.at(-1)?.attempt;
      const first = segments.find((segment) => segment.attempt === attempt);
      const header = first && (await readHeader(dir, first).catch(() => undefined));
      if (!header || header.resource[ATTR.runProject] !== wanted.project) continue;
      if (wanted.name !== undefined && header.resource[ATTR.runName] !== wanted.name) continue;
      if (!newest || header.time > newest.time) newest = { id: header.run, time: header.time };
    }
  }
  return newest?.id;
}

async function names(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
