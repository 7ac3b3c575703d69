import { ATTR, ENV, EVENT } from '../conventions/index.ts';
import { createEventExporter, type EventExporter } from '../telemetry/index.ts';
import { type BackOff, DEFAULT_BACK_OFF } from './delivery/back-off.ts';
import { Sender } from './delivery/sender.ts';
import { JournalSource } from './delivery/source.ts';
import { CursorFile } from './journal/cursor.ts';
import { type JournalInfo, listJournals } from './journal/list.ts';
import { acquireLock, type FolderLock } from './journal/lock.ts';
import { type Past, readPast } from './journal/past.ts';
import type { SinkHealth } from '../trackers/index.ts';
import type { JournalProblem } from './journal/reader.ts';
import { encodeRecord } from './journal/record.ts';
import { syncTrackers } from './sync-trackers.ts';
import { JournalWriter } from './journal/writer.ts';

export interface SyncOptions {
  /** Default LLM_OTEL_JOURNAL_DIR, else `./.llm-otel/journal`. */
  journalDir?: string;
  /** Base URL of the OTLP/HTTP receiver; default as OpenTelemetry says (OTEL_EXPORTER_OTLP_ENDPOINT, http://127.0.0.1:4318). */
  endpoint?: string;
  headers?: Readonly<Record<string, string>>;
  /** Only this run. Default all. */
  runId?: string;
  /** Sends everything again, also what this receiver has acknowledged (it recognises it). */
  all?: boolean;
  onProgress?: (progress: SyncProgress) => void;
  /** Another way to send, or none (`false`: trackers only). Default OTLP to `endpoint`. */
  exporter?: EventExporter | false;
  /** Failures in a row before a receiver is given up. Default 3. */
  patience?: number;
  backOff?: BackOff;
  /** What trackers have to say; the journals' `trackers` tell where they stand. */
  onTrackerTrouble?: (message: string) => void;
  env?: Readonly<Record<string, string | undefined>>;
}

export interface SyncProgress {
  readonly runId: string;
  readonly rank: number;
  /** Records of this journal that were accepted until now. */
  readonly sent: number;
}

/**
 * What became of one journal.
 * - `delivered`: the receiver has everything. `nothing`: it had it already.
 * - `live`: a process writes to it and delivers it itself; it was left alone.
 * - `failed`: not everything was delivered; `message` says why.
 */
export interface SyncedJournal {
  readonly runId: string;
  readonly rank: number;
  readonly name: string;
  readonly project: string;
  readonly dir: string;
  readonly state: 'delivered' | 'nothing' | 'live' | 'failed';
  readonly sent: number;
  /** Records that the receiver refused for good. */
  readonly refused: number;
  /** The run's process is gone and had recorded no end: it was ended as killed. */
  readonly interrupted: boolean;
  /** Lines that could not be read: torn ends, damage. */
  readonly problems: readonly JournalProblem[];
  /** Trackers that the run's process had left behind, and where they stand now. */
  readonly trackers: readonly SinkHealth[];
  readonly message: string;
}

export interface SyncReport {
  /** Receiver, without credentials. */
  readonly url: string | undefined;
  readonly journalDir: string;
  readonly journals: readonly SyncedJournal[];
  readonly sent: number;
  readonly refused: number;
  readonly live: number;
  /** Journals that were not delivered whole, to the receiver or to a tracker. */
  readonly failed: number;
}

/**
 * Delivers journals that were left behind, to whatever receiver is given: one that has not seen a journal gets it from
 * the start, since records are known by (run, rank, seq) and a resend is harmless. Journals of live processes are
 * left alone. A run whose process is gone without an end is ended as killed (`llm.run.interrupted`), in its journal
 * too; a later resume goes on counting.
 *
 * Rejects when the journals' folder cannot be read. A receiver that is down is in the report, not an error.
 */
export async function syncJournals(options: SyncOptions = {}): Promise<SyncReport> {
  const env = options.env ?? process.env;
  const journalDir = options.journalDir ?? (env[ENV.journalDir.name] || ENV.journalDir.default);
  const given = options.exporter;
  const exporter =
    given === false
      ? undefined
      : (given ??
        createEventExporter({
          ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
          ...(options.headers === undefined ? {} : { headers: options.headers }),
          env,
        }));
  const journals: SyncedJournal[] = [];
  let down: string | undefined;
  try {
    for await (const info of listJournals(journalDir)) {
      if (options.runId !== undefined && info.runId !== options.runId) continue;
      const synced = await syncJournal(info, exporter, options, down);
      journals.push(synced.journal);
      down = synced.down;
    }
  } finally {
    if (given === undefined) await exporter?.shutdown();
  }
  const sum = (of: (journal: SyncedJournal) => number): number =>
    journals.reduce((total, journal) => total + of(journal), 0);
  return {
    url: exporter?.url,
    journalDir,
    journals,
    sent: sum(({ sent }) => sent),
    refused: sum(({ refused }) => refused),
    live: sum(({ state }) => (state === 'live' ? 1 : 0)),
    failed: sum(({ state, trackers }) =>
      state === 'failed' || trackers.some(({ status }) => status !== 'current') ? 1 : 0,
    ),
  };
}

/** Long enough for any journal; a receiver that hangs is given up by the sender. */
const NO_LIMIT_MS = 2 ** 31 - 1;

/** `down`: why the receiver was given up at an earlier journal; then this one is ended, but not sent. */
async function syncJournal(
  info: JournalInfo,
  exporter: EventExporter | undefined,
  options: SyncOptions,
  down: string | undefined,
): Promise<{ journal: SyncedJournal; down: string | undefined }> {
  const { runId, rank, name, project, dir } = info;
  const base: Omit<SyncedJournal, 'state' | 'message'> = {
    runId,
    rank,
    name,
    project,
    dir,
    sent: 0,
    refused: 0,
    interrupted: false,
    problems: [],
    trackers: [],
  };
  let trackers: readonly SinkHealth[] = [];
  let lock: FolderLock | undefined;
  try {
    lock = acquireLock(dir);
  } catch (error) {
    const message = `Its folder cannot be locked: ${error instanceof Error ? error.message : String(error)}`;
    return { journal: { ...base, state: 'failed', message }, down };
  }
  if (!lock)
    return {
      journal: { ...base, state: 'live', message: 'A process writes to it; it delivers its records itself.' },
      down,
    };
  const problems: JournalProblem[] = [];
  const source = new JournalSource(dir, (problem) => {
    if (!problems.some(({ file, line }) => file === problem.file && line === problem.line))
      problems.push(problem);
  });
  let interrupted = false;
  try {
    const past = await readPast(dir);
    if (!past) return { journal: { ...base, state: 'nothing', message: 'It has no records.' }, down };
    interrupted = past.ended === undefined;
    if (interrupted) appendEnd(dir, past);
    const lastSeq = past.lastSeq + (interrupted ? 1 : 0);
    trackers = await syncTrackers({
      dir,
      run: past.run,
      rank: past.rank,
      attempt: past.attempt,
      lastSeq,
      env: options.env ?? process.env,
      patience: options.patience ?? 3,
      onTrouble: options.onTrackerTrouble ?? (() => {}),
    });
    if (!exporter) {
      const message = 'Only its trackers were asked for.';
      return { journal: { ...base, interrupted, problems, trackers, state: 'nothing', message }, down };
    }
    const cursor = new CursorFile(dir);
    const acknowledged = options.all ? { seq: -1, refused: [] } : cursor.get(exporter.url);
    if (acknowledged.seq >= lastSeq)
      return {
        journal: {
          ...base,
          interrupted,
          trackers,
          state: 'nothing',
          message: 'The receiver has it already (`all` sends it again).',
        },
        down,
      };
    if (down !== undefined)
      return { journal: { ...base, interrupted, problems, trackers, state: 'failed', message: down }, down };
    let sent = 0;
    const sender = new Sender({
      exporter,
      source,
      acknowledged,
      backOff: options.backOff ?? DEFAULT_BACK_OFF,
      onProgress: (progress) => {
        cursor.set(exporter.url, progress);
        sent = sender.state().delivered;
        options.onProgress?.({ runId, rank, sent });
      },
    });
    const state = await sender.drain({ milliseconds: NO_LIMIT_MS, patience: options.patience ?? 3 });
    sender.stop();
    const delivered = state.acknowledged >= lastSeq;
    const message = delivered
      ? 'The receiver has everything.'
      : (state.lastError ?? `Records after ${state.acknowledged} could not be read.`);
    return {
      journal: {
        ...base,
        state: delivered ? 'delivered' : 'failed',
        sent,
        refused: state.refused,
        interrupted,
        problems,
        trackers,
        message,
      },
      down: state.state === 'unavailable' || state.state === 'unauthorized' ? message : undefined,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { journal: { ...base, interrupted, problems, trackers, state: 'failed', message }, down };
  } finally {
    await source.close();
    lock.release();
  }
}

/** Ends a run whose process is gone, at the time of its last record: nobody knows how much longer it lived. */
function appendEnd(dir: string, past: Past): void {
  const writer = new JournalWriter({
    dir,
    header: { run: past.run, rank: past.rank, attempt: past.attempt, resource: past.resource },
  });
  const line = encodeRecord({
    seq: past.lastSeq + 1,
    time: past.lastTime,
    event: EVENT.runEnd,
    attributes: { [ATTR.runStatus]: 'killed', [ATTR.runInterrupted]: true },
    body: {},
  });
  writer.append(line, past.lastSeq + 1, Date.now());
  writer.seal();
}
