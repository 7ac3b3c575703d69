import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEndStatus } from '../../conventions/index.ts';
import { SinkRefused } from '../sink-errors.ts';
import type { SinkMap, SinkRecord, SinkRun } from '../sink.ts';
import { writeAtomic } from './atomic-file.ts';
import type { LocalRunFormat } from './config.ts';
import { exactJson } from './exact-json.ts';
import type { DataPosition } from './run-data.ts';

export const RUN_FILE = 'run.json';
const VERSION = 1;

/** A recorded file in the run's folder. */
export interface StoredArtifact {
  name: string;
  kind: string;
  time: number;
  /** As it was recorded. */
  source: string;
  size: number;
  sha256: string;
  metadata: SinkMap;
  /** Where its copy lies, relative to the run's folder; null for none. */
  path: string | null;
  /** Why there is no copy, or in what it differs. */
  problem?: string;
}

/**
 * `run.json`: what a run is and how far its files are. It is the last thing that is written at each save, so what it
 * says about the files holds; what lies beyond `data` was half saved.
 */
export interface RunFile {
  version: number;
  id: string;
  name: string;
  project: string;
  group?: string | undefined;
  rank: number;
  worldSize: number;
  attempt: number;
  host?: string | undefined;
  pid?: number | undefined;
  /** Milliseconds since the epoch. */
  startedAt: number;
  updatedAt: number;
  endedAt: number | null;
  status: 'running' | RunEndStatus;
  params: SinkMap;
  tags: SinkMap;
  source: SinkMap;
  summary: SinkMap;
  steps: number;
  lastStep: number | null;
  /** Values that were NaN or infinite. */
  nonFinite: number;
  /** Newest value of each key. */
  last: Record<string, { value: number; step: number; time: number }>;
  artifacts: StoredArtifact[];
  format: LocalRunFormat;
  /** Highest `seq` that is saved; -1 for none. */
  seq: number;
  data: DataPosition | null;
}

export function newRunFile(run: SinkRun, format: LocalRunFormat): RunFile {
  return {
    version: VERSION,
    ...run,
    updatedAt: run.startedAt,
    endedAt: null,
    status: 'running',
    summary: {},
    steps: 0,
    lastStep: null,
    nonFinite: 0,
    last: {},
    artifacts: [],
    format,
    seq: -1,
    data: null,
  };
}

/** What the run file says after these records. They are new: their `seq` is above its own, or they have none. */
export function withRecords(file: RunFile, records: readonly SinkRecord[]): RunFile {
  const next: RunFile = { ...file, last: { ...file.last }, status: 'running', endedAt: null };
  for (const record of records) {
    next.seq = Math.max(next.seq, record.seq);
    next.updatedAt = Math.max(next.updatedAt, record.time);
    if (record.kind === 'params') next.params = { ...next.params, ...record.params };
    else if (record.kind === 'tags') next.tags = { ...next.tags, ...record.tags };
    else if (record.kind === 'step') {
      const { step, time, values } = record;
      next.steps++;
      next.lastStep = Math.max(next.lastStep ?? step, step);
      for (const [key, value] of Object.entries(values)) {
        if (!Number.isFinite(value)) next.nonFinite++;
        next.last[key] = { value, step, time };
      }
    }
  }
  return next;
}

/** @throws SinkRefused when there is a file that is no such one. */
export async function readRunFile(folder: string): Promise<RunFile | undefined> {
  const path = join(folder, RUN_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  let parsed: Partial<RunFile> | null = null;
  try {
    parsed = JSON.parse(text) as Partial<RunFile> | null;
  } catch {
    // told below
  }
  if (parsed?.version === VERSION && typeof parsed.id === 'string' && typeof parsed.seq === 'number')
    return parsed as RunFile;
  throw new SinkRefused(
    `${path} is no file of this version of llm-otel; move its folder away, or give another log_dir`,
  );
}

export function writeRunFile(folder: string, file: RunFile): Promise<void> {
  return writeAtomic(join(folder, RUN_FILE), `${exactJson(file)}\n`);
}
