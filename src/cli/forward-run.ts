import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RunDetail, RunTracker, SinkHealth } from '../conventions/index.ts';
import { replaceFile } from '../hub/bridge/replace-file.ts';
import { RunSpool, SpoolSource } from '../hub/bridge/spool.ts';
import { RunForwarders, type RunSink, SINKS_FILE, SinkCursorFile, type Tracker } from '../trackers/index.ts';
import { exportRun, type SeriesSource } from './export-run.ts';
import { CommandFailed, visible } from './output.ts';

export interface ForwardOptions {
  readonly hub: SeriesSource;
  readonly run: RunDetail;
  readonly rank: number;
  readonly trackers: readonly Tracker[];
  /** Folder of this run and rank, made when it is not there: what was read from the hub, and how far each tracker is. */
  readonly dir: string;
  readonly onTrouble: (message: string) => void;
  /** Failures in a row of a tracker after which it is left for another time. Default 3. */
  readonly patience?: number;
}

const A_DAY = 24 * 3600_000;
const SAVE_MS = 1000;
const NOTES_FILE = 'forward.json';
const SPOOL = 'spool';

/** What is kept of a run that is forwarded. */
interface Notes {
  /** Of the run when it was read, ms. */
  readonly updatedAt: number;
  /** Place of its last record, once that is known. */
  readonly head?: number;
}

/**
 * Sends a run that a hub has, and that has ended, to trackers: it is read into a spool on the disk, and sent from there
 * as the hub's bridge does it. A call for the same folder goes on where the one before ended.
 * @returns where each tracker stands; none when none wants this rank
 * @throws CommandFailed when the run has got further records since: they would be other ones by the same numbers
 */
export async function forwardRun(options: ForwardOptions): Promise<SinkHealth[]> {
  const { hub, run, rank, trackers, dir, onTrouble, patience = 3 } = options;
  const before = readNotes(dir);
  if (before && before.updatedAt !== run.updatedAt)
    throw new CommandFailed(
      `run ${visible(run.id)} went on since it was forwarded; remove ${dir} to send all of it anew: trackers that know a value when it comes again (MLflow, Comet) have it once, others may have it twice`,
    );
  let spool: RunSpool | undefined;
  const opened = (): RunSpool => (spool ??= new RunSpool(join(dir, SPOOL)));
  const forwarders = new RunForwarders({
    trackers,
    run: { id: run.id, rank },
    source: () => new SpoolSource(opened(), () => opened().ended),
    cursors: new SinkCursorFile(join(dir, SINKS_FILE)),
    head: () => spool?.head ?? -1,
    onTrouble,
  });
  // a process that is killed goes on about where it was
  const saving = setInterval(() => forwarders.save(), SAVE_MS);
  try {
    const there = forwarders.health();
    const { head } = before ?? {};
    if (head !== undefined && there.every(({ acknowledged }) => acknowledged >= head)) return there;
    keepNotes(dir, { updatedAt: run.updatedAt });
    if (!opened().ended) await exportRun(hub, run, rank, spoolSink(opened()));
    const health = await forwarders.drain({ milliseconds: A_DAY, patience });
    if (forwarders.settled) keepNotes(dir, { updatedAt: run.updatedAt, head: opened().head });
    return health;
  } finally {
    clearInterval(saving);
    const { settled } = forwarders;
    await forwarders.stop();
    spool?.close();
    // the hub has it still, should another tracker want it
    if (settled) rmSync(join(dir, SPOOL), { recursive: true, force: true });
  }
}

/** Trackers that do not have the run yet: neither its own process nor the hub sends it there. */
export function without(trackers: readonly Tracker[], known: readonly RunTracker[]): Tracker[] {
  const there = new Set(known.map(({ sink }) => sink.replace(/-offline$/, '')));
  return trackers.filter(({ name }) => !there.has(name));
}

/** Takes a run into a spool; its records are numbered as they come. */
function spoolSink(spool: RunSpool): RunSink {
  let last = 0;
  return {
    name: 'spool',
    async open(run) {
      spool.describe(run, []);
      await spool.append([{ seq: 0, entry: { starts: true, records: [] } }]);
    },
    async write(batch) {
      await spool.append(batch.map((record) => ({ seq: record.seq, entry: { records: [record] } })));
      last = batch.at(-1)?.seq ?? last;
    },
    async artifact(artifact) {
      await spool.append([{ seq: artifact.seq, entry: { records: [], artifact } }]);
      last = artifact.seq;
    },
    async close(status = 'killed', summary, _signal, time = Date.now()) {
      await spool.append([{ seq: last + 1, entry: { records: [], end: { status, summary, time } } }]);
    },
  };
}

function readNotes(dir: string): Notes | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, NOTES_FILE), 'utf8')) as Notes;
  } catch {
    return undefined;
  }
}

function keepNotes(dir: string, notes: Notes): void {
  mkdirSync(dir, { recursive: true });
  replaceFile(join(dir, NOTES_FILE), JSON.stringify(notes));
}
