import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EVENT, type RunTracker } from '../../conventions/index.ts';
import type { OtlpRequest } from '../../otlp/model.ts';
import {
  RunForwarders,
  type SinkBackOff,
  SinkCursorFile,
  SINKS_FILE,
  SYSTEM_SAMPLE_MS,
  type Tracker,
} from '../../trackers/index.ts';
import { isRunEvent, readRunRecord, type RunRecord } from '../store/runs/run-record.ts';
import { forwardedBy, sinkRun, spoolEntry } from './entry.ts';
import { keepHealth, lastHealth, withKept } from './last-health.ts';
import { isSpool, RunSpool, SpoolSource } from './spool.ts';

export interface BridgeOptions {
  /** Folder of the spools; made when it is not there. */
  dir: string;
  trackers: readonly Tracker[];
  log?: ((level: 'info' | 'warn' | 'error', message: string) => void) | undefined;
  now?: (() => number) | undefined;
  backOff?: SinkBackOff | undefined;
  /** What a host is doing now, by catalogue key. */
  sample?: ((host: string, now: number) => Promise<Record<string, number>>) | undefined;
}

/** How long records of a run wait for its start, which may come by another way, ms. */
const WAIT_FOR_START = 10_000;
const TICK_MS = 1000;
/** A run that has ended and is everywhere is let go after so long; it may be resumed. */
const LET_GO_AFTER = 60_000;
/** A run without an end, of which nothing has come for so long, is ended as killed in its trackers. */
const INTERRUPTED_AFTER = 10 * 60_000;
/** A run of which nothing has come for so long is not under way. */
const SILENT_AFTER = 60_000;

interface Forwarded {
  readonly spool: RunSpool;
  readonly forwarders: RunForwarders;
  readonly skipped: readonly string[];
  firstAt: number;
  lastAt: number;
  /** Of the run's pages in the trackers, as they were written down. */
  addresses?: string;
}

/**
 * Forwards the runs that the hub receives to experiment trackers: each rank of a run has a spool, each tracker a
 * cursor in it. A run whose own process forwards it to a tracker is not forwarded there again.
 */
export class TrackerBridge {
  readonly #options: BridgeOptions;
  readonly #log: NonNullable<BridgeOptions['log']>;
  readonly #now: () => number;
  readonly #runs = new Map<string, Map<number, Forwarded>>();
  readonly #timer: NodeJS.Timeout;
  #sampledAt: number;
  #sampling = false;
  /** Records that could not be spooled. */
  missed = 0;

  /** Goes on with what an earlier hub has not sent. */
  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#log = options.log ?? (() => {});
    this.#now = options.now ?? Date.now;
    this.#sampledAt = this.#now();
    for (const dir of spoolFolders(options.dir)) this.#resume(dir);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /**
   * Takes the run events of a request: on the disk when it resolves. Never rejects: a disk that is full must not keep
   * the hub from storing; what is missing in trackers then is counted and told.
   */
  async take(request: OtlpRequest): Promise<void> {
    if (request.signal !== 'logs') return;
    const byRank = new Map<string, RunRecord[]>();
    for (const { resource, scopeLogs } of request.resourceLogs) {
      for (const { logRecords } of scopeLogs) {
        for (const log of logRecords) {
          const record = isRunEvent(log) ? readRunRecord(log, resource.attributes, this.#now()) : undefined;
          if (!record) continue;
          const key = `${record.rank}/${record.runId}`;
          const records = byRank.get(key);
          if (records) records.push(record);
          else byRank.set(key, [record]);
        }
      }
    }
    await Promise.all(Array.from(byRank.values(), (records) => this.#takeRank(records)));
  }

  /** Where each tracker of a run stands, rank by rank; of ranks that were let go, where it stood then. */
  health(runId: string): RunTracker[] {
    const ranks = this.#runs.get(runId);
    const gone = lastHealth(join(this.#options.dir, folderName(runId))).filter(
      ({ rank }) => !ranks?.has(rank),
    );
    const here = [...(ranks ?? [])].flatMap(([rank, forwarded]) => this.#healthOf(runId, rank, forwarded));
    return [...here, ...gone].sort((a, b) => a.rank - b.rank);
  }

  /** Sends what is there until the time is up; for tests and for a hub that stops. */
  async drain(options: { milliseconds: number; patience?: number }): Promise<void> {
    await Promise.all(this.#all().map(({ forwarders }) => forwarders.drain(options)));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const [runId, ranks] of this.#runs)
      for (const [rank, forwarded] of ranks) this.#keepAddresses(runId, rank, forwarded);
    await Promise.all(
      this.#all().map(async ({ forwarders, spool }) => {
        await forwarders.stop();
        spool.close();
      }),
    );
    this.#runs.clear();
  }

  #folderOf(runId: string, rank: number): string {
    return join(this.#options.dir, folderName(runId), String(rank));
  }

  #healthOf(runId: string, rank: number, { forwarders, skipped }: Forwarded): RunTracker[] {
    return withKept(this.#folderOf(runId, rank), [
      ...forwarders.health().map((health) => ({ rank, ...health })),
      ...skipped.map((sink): RunTracker => ({ sink, rank, status: 'in_process' })),
    ]);
  }

  /** The way to the run's pages is known only to a sink that was opened: it outlives the hub. */
  #keepAddresses(runId: string, rank: number, forwarded: Forwarded): void {
    const addresses = forwarded.forwarders
      .health()
      .map(({ url }) => url)
      .join(' ');
    if (addresses === forwarded.addresses) return;
    try {
      keepHealth(this.#folderOf(runId, rank), this.#healthOf(runId, rank, forwarded));
      forwarded.addresses = addresses;
    } catch {
      // the folder may not be there yet, or the disk is full: again at the next tick
    }
  }

  #all(): Forwarded[] {
    return [...this.#runs.values()].flatMap((ranks) => [...ranks.values()]);
  }

  async #takeRank(records: readonly RunRecord[]): Promise<void> {
    const first = records[0];
    if (!first) return;
    try {
      const forwarded = this.#of(first);
      const { spool } = forwarded;
      const start = records.find(({ event }) => event === EVENT.runStart);
      const begins = start !== undefined && spool.run === undefined;
      if (begins) spool.describe(sinkRun(start), forwardedBy(start));
      await spool.append(
        records.map((record) => {
          const seq = record.seq ?? unnumbered(record);
          return { seq, entry: spoolEntry(record, seq, begins && record === start) };
        }),
      );
      forwarded.lastAt = this.#now();
      forwarded.forwarders.kick();
    } catch (error) {
      if (this.missed === 0)
        this.#log(
          'error',
          `Records of runs cannot be spooled for trackers, which will lack them: ${messageOf(error)}`,
        );
      this.missed += records.length;
    }
  }

  #of(record: RunRecord): Forwarded {
    const { runId, rank } = record;
    const known = this.#runs.get(runId)?.get(rank);
    if (known) return known;
    return this.#open(this.#folderOf(runId, rank), runId, rank, forwardedBy(record), record);
  }

  #resume(dir: string): void {
    try {
      const spool = new RunSpool(dir);
      const { run } = spool;
      if (!run) {
        spool.close();
        return;
      }
      const forwarded = this.#forward(dir, spool, run.id, run.rank, spool.forwarded);
      if (spool.ended && forwarded.forwarders.settled) {
        void this.#release(run.id, run.rank, forwarded);
        return;
      }
      forwarded.forwarders.kick();
    } catch (error) {
      this.#log('error', `What trackers have not got yet cannot be read in ${dir}: ${messageOf(error)}`);
    }
  }

  #open(dir: string, runId: string, rank: number, skipped: readonly string[], record: RunRecord): Forwarded {
    const spool = new RunSpool(dir);
    const forwarded = this.#forward(dir, spool, runId, rank, skipped);
    // until the start comes: what any record says; written down when nobody waits for it any more
    forwarded.firstAt = this.#now();
    this.#fallback.set(forwarded, record);
    return forwarded;
  }

  readonly #fallback = new WeakMap<Forwarded, RunRecord>();

  #forward(dir: string, spool: RunSpool, runId: string, rank: number, skipped: readonly string[]): Forwarded {
    const ready = (): boolean => spool.run !== undefined;
    const forwarded: Forwarded = {
      spool,
      skipped,
      firstAt: this.#now(),
      lastAt: this.#now(),
      forwarders: new RunForwarders({
        trackers: this.#options.trackers.filter(({ name }) => !skipped.includes(name)),
        run: { id: runId, rank },
        source: () => new SpoolSource(spool, ready),
        cursors: new SinkCursorFile(join(dir, SINKS_FILE)),
        head: () => spool.head,
        onTrouble: (message) => this.#log('warn', `run ${runId}: ${message}`),
        onStopRequested: (reason, sink) =>
          this.#log('warn', `run ${runId}: ${sink} asks for it to stop (${reason}); the hub cannot stop it`),
        backOff: this.#options.backOff,
      }),
    };
    let ranks = this.#runs.get(runId);
    if (!ranks) this.#runs.set(runId, (ranks = new Map()));
    ranks.set(rank, forwarded);
    return forwarded;
  }

  /** Samples each host once for all its runs that are under way. */
  async #sample(now: number): Promise<void> {
    const { sample } = this.#options;
    if (!sample || this.#sampling || now - this.#sampledAt < SYSTEM_SAMPLE_MS) return;
    this.#sampledAt = now;
    this.#sampling = true;
    try {
      const byHost = new Map<string, RunForwarders[]>();
      for (const { spool, forwarders, lastAt } of this.#all()) {
        const host = spool.run?.host;
        if (host === undefined || spool.ended || now - lastAt > SILENT_AFTER || forwarders.size === 0)
          continue;
        const runs = byHost.get(host);
        if (runs) runs.push(forwarders);
        else byHost.set(host, [forwarders]);
      }
      for (const [host, runs] of byHost) {
        const values = await sample(host, now);
        if (Object.keys(values).length > 0) for (const forwarders of runs) forwarders.system(now, values);
      }
    } catch (error) {
      this.#log('warn', `What hosts are doing could not be read for trackers: ${messageOf(error)}`);
    } finally {
      this.#sampling = false;
    }
  }

  #tick(): void {
    const now = this.#now();
    void this.#sample(now);
    for (const [runId, ranks] of this.#runs) {
      for (const [rank, forwarded] of ranks) {
        const { spool, forwarders } = forwarded;
        const record = this.#fallback.get(forwarded);
        if (spool.run === undefined && record && now - forwarded.firstAt >= WAIT_FOR_START) {
          spool.describe(sinkRun(record), forwarded.skipped);
          forwarders.kick();
        }
        forwarders.save();
        this.#keepAddresses(runId, rank, forwarded);
        if (!spool.ended && spool.head >= 0 && now - forwarded.lastAt >= INTERRUPTED_AFTER) {
          void this.#interrupt(forwarded, forwarded.lastAt);
          forwarded.lastAt = now;
        }
        if (spool.ended && now - forwarded.lastAt >= LET_GO_AFTER && forwarders.settled)
          void this.#release(runId, rank, forwarded);
      }
    }
  }

  /** A run of which nothing comes any more is not left running in its trackers; should it go on, it is opened again. */
  async #interrupt({ spool, forwarders }: Forwarded, time: number): Promise<void> {
    try {
      // a number that no sender uses
      const seq = -2 - spool.head;
      await spool.append([{ seq, entry: { records: [], end: { status: 'killed', summary: {}, time } } }]);
      forwarders.kick();
    } catch (error) {
      this.#log('warn', `An interrupted run could not be ended in its trackers: ${messageOf(error)}`);
    }
  }

  /** A run that is everywhere needs no spool; should it be resumed, it is opened again. */
  async #release(runId: string, rank: number, forwarded: Forwarded): Promise<void> {
    const { spool, forwarders } = forwarded;
    const ranks = this.#runs.get(runId);
    ranks?.delete(rank);
    if (ranks?.size === 0) this.#runs.delete(runId);
    const trackers = this.#healthOf(runId, rank, forwarded);
    await forwarders.stop();
    try {
      keepHealth(this.#folderOf(runId, rank), trackers);
      spool.letGo();
    } catch (error) {
      this.#log('warn', `A spool could not be let go: ${messageOf(error)}`);
    }
    spool.close();
  }
}

/** Identity of a record without a sequence number: its time, in microseconds, which senders do not repeat. */
function unnumbered({ time }: RunRecord): number {
  return Math.round(time * 1000);
}

/** A run id as a folder name: whatever a file system could take amiss is percent-encoded. */
function folderName(runId: string): string {
  return encodeURIComponent(runId).replaceAll('*', '%2A').replace(/^\./, '%2E').slice(0, 200);
}

function spoolFolders(dir: string): string[] {
  const found: string[] = [];
  for (const run of names(dir))
    for (const rank of names(join(dir, run))) {
      const folder = join(dir, run, rank);
      if (isSpool(folder)) found.push(folder);
    }
  return found;
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
