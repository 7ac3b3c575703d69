import { open } from 'node:fs/promises';
import type {
  InstrumentInfo,
  RunDetail,
  RunHistogram,
  SeriesResponse,
  SpanInfo,
} from '../../conventions/index.ts';
import { decodeRequest } from '../../otlp/index.ts';
import type { OtlpRequest, PartialSuccess } from '../../otlp/model.ts';
import { Changes } from './changes.ts';
import { EventsIngest } from './events-ingest.ts';
import { Instances } from './instances.ts';
import { Journal } from './journal/journal.ts';
import type { JournalRecord } from './journal/record.ts';
import { MetricsIngest } from './metrics/metrics-ingest.ts';
import type { Series } from './metrics/series.ts';
import { ReadClient } from './read/read-client.ts';
import { Resources } from './resources.ts';
import { retain } from './retention.ts';
import { isSqliteError, type Rows } from './rows.ts';
import { RunsIngest } from './runs/runs-ingest.ts';
import { type Generation, seal } from './seal.ts';
import type { Settings } from './settings.ts';
import { StepRing } from './step-ring.ts';
import type {
  HistogramSeries,
  HistogramQuery,
  NumberSeries,
  PointsQuery,
  RequestBody,
  RunHistogramQuery,
  SeriesQuery,
  StepsSince,
  Store,
  StoreChange,
  StoreStats,
  TraceQuery,
} from './store.ts';
import { Tally } from './tally.ts';
import { StoreReader } from './store-reader.ts';
import { TracesIngest } from './traces/traces-ingest.ts';
import { StoreUnavailableError } from './unavailable-error.ts';

/** Sealing when this much journal waits (or `sealPoints` points): it bounds the time that a replay takes. */
const SEAL_JOURNAL_BYTES = 128 * 1024 * 1024;
/** ... or after this long. */
const SEAL_AFTER_MS = 5 * 60_000;
/** Appends wait for the sealing under way when this many times as much is unsealed; at twice that they are refused. */
const OVERLOAD = 4;
/** Pause after a sealing that failed (disk full, most likely). */
const SEAL_RETRY_MS = 10_000;
/** Rows go into the database file at most this late; sealings do at once. */
const CHECKPOINT_EVERY_MS = 10_000;
const RETAIN_EVERY_MS = 10 * 60_000;

export interface StoreParts {
  settings: Settings;
  directory: string;
  rows: Rows;
  databaseFile: string;
  journalDirectory: string;
  nextSequence: number;
  generation: number;
  /** Wall clock when the hub was last known to live; 0 = never. */
  aliveAt: number;
  /** Records found in the journal that are not in the database. */
  replay: Iterable<JournalRecord>;
  unlock: () => void;
}

/** The embedded store. Made by `openStore`. */
export class SqliteStore implements Store {
  /** Data directory, absolute. */
  readonly directory: string;
  readonly #settings: Settings;
  readonly #rows: Rows;
  readonly #unlock: () => void;
  readonly #databaseFile: string;
  readonly #tally = new Tally();
  readonly #resources: Resources;
  readonly #metrics: MetricsIngest;
  readonly #traces: TracesIngest;
  readonly #runs: RunsIngest;
  readonly #events: EventsIngest;
  readonly #instances = new Instances();
  readonly #ring: StepRing;
  readonly #changes: Changes;
  readonly #reader: StoreReader;
  readonly #journal: Journal;
  readonly #generation: Generation;
  readonly #frozen = new Set<Series>();
  /** Sealing and retention, one at a time. */
  #maintenance: Promise<void> = Promise.resolve();
  #sealing: Promise<void> | undefined;
  #sealTimer: NodeJS.Timeout | undefined;
  #sealNotBefore = 0;
  readonly #retainTimer: NodeJS.Timeout;
  #replayed = false;
  #checkpointed = performance.now();
  #failure: StoreUnavailableError | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    const { settings, rows } = parts;
    this.#settings = settings;
    this.directory = parts.directory;
    this.#rows = rows;
    this.#unlock = parts.unlock;
    this.#databaseFile = parts.databaseFile;
    rows.onFailure = (error) => this.#fail(error);
    rows.onCommit = () => {
      if (performance.now() - this.#checkpointed > CHECKPOINT_EVERY_MS) this.#checkpoint();
    };
    const openedAt = settings.now();
    this.#resources = new Resources(rows);
    this.#ring = new StepRing(settings.now());
    this.#metrics = new MetricsIngest(rows, this.#resources, this.#tally, settings.maxSeries);
    this.#traces = new TracesIngest(rows, this.#resources, this.#tally);
    this.#runs = new RunsIngest(rows, this.#tally, this.#ring);
    this.#events = new EventsIngest(rows, this.#resources, this.#runs, this.#tally);
    this.#changes = new Changes(
      () => this.#ring.cursor,
      (error) => settings.log('error', `A listener of store changes failed: ${messageOf(error)}`),
    );
    this.#generation = { value: parts.generation };
    this.#reader = new StoreReader({
      reads: new ReadClient(parts.databaseFile, () => this.#generation.value),
      rows,
      metrics: this.#metrics,
      runs: this.#runs,
      frozen: this.#frozen,
      liveness: () => ({
        now: settings.now(),
        interruptedAfterMs: settings.interruptedAfterMs,
        instances: this.#instances.seen,
        stoppedAt: parts.aliveAt,
        openedAt,
      }),
    });
    for (const record of parts.replay) {
      try {
        this.#apply(record, decodeRequest(record.signal, record.body.contentType, record.body.bytes));
      } catch (error) {
        if (isSqliteError(error)) throw error;
        settings.log('error', `A journal record could not be applied again: ${messageOf(error)}`);
      }
    }
    this.#journal = new Journal({
      directory: parts.journalDirectory,
      nextSequence: parts.nextSequence,
      sync: settings.durability === 'power-loss',
      now: settings.now,
    });
    this.#replayed = true;
    this.#sealIfDue();
    this.#retainTimer = setInterval(() => {
      this.retain().catch((error: unknown) =>
        settings.log('error', `Retention failed and will be tried again: ${messageOf(error)}`),
      );
    }, RETAIN_EVERY_MS).unref();
  }

  async append(request: OtlpRequest, body: RequestBody): Promise<PartialSuccess> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) throw new StoreUnavailableError('The store is closed.');
    if (this.#unsealed() > OVERLOAD) await this.#sealing;
    if (this.#unsealed() > 2 * OVERLOAD) {
      throw new StoreUnavailableError('Too much waits to be written to the database; try again later.');
    }
    try {
      return await this.#journal.append(request.signal, body, (record) => this.#take(record, request));
    } catch (error) {
      // The journal's disk may be full: sealed, what is in it takes a fraction of the room.
      if (error instanceof StoreUnavailableError && this.#maySeal()) this.#sealInBackground();
      throw error;
    }
  }

  runs(filter: Parameters<Store['runs']>[0]): ReturnType<Store['runs']> {
    return this.#reader.runs(filter);
  }
  run(id: string): Promise<RunDetail | undefined> {
    return this.#reader.run(id);
  }
  series(query: SeriesQuery): Promise<SeriesResponse | undefined> {
    return this.#reader.series(query);
  }
  runHistograms(query: RunHistogramQuery): Promise<RunHistogram[]> {
    return this.#reader.runHistograms(query);
  }
  instruments(): Promise<InstrumentInfo[]> {
    return this.#reader.instruments();
  }
  points(query: PointsQuery): Promise<NumberSeries[]> {
    return this.#reader.points(query);
  }
  histograms(query: HistogramQuery): Promise<HistogramSeries[]> {
    return this.#reader.histograms(query);
  }
  traces(query: TraceQuery): ReturnType<Store['traces']> {
    return this.#reader.traces(query);
  }
  trace(traceId: string): Promise<SpanInfo[]> {
    return this.#reader.trace(traceId);
  }

  onChange(listener: (change: StoreChange) => void): () => void {
    return this.#changes.listen(listener);
  }

  cursor(): number {
    return this.#ring.cursor;
  }

  stepsSince(cursor: number, limit: number): Promise<StepsSince | undefined> {
    return Promise.resolve(this.#ring.since(cursor, limit));
  }

  async retain(): Promise<void> {
    await this.#exclusively(async () => {
      const now = this.#settings.now();
      this.#runs.release(now - this.#settings.interruptedAfterMs);
      this.#instances.forget(now - this.#settings.interruptedAfterMs);
      await retain({
        rows: this.#rows,
        metrics: this.#metrics,
        runs: this.#runs,
        resources: this.#resources,
        olderThan: now - this.#settings.retentionMs,
        maxBytes: this.#settings.maxBytes,
        otherBytes: this.#journal.bytes,
        log: this.#settings.log,
      });
      this.#checkpoint();
    });
  }

  stats(): StoreStats {
    return {
      appended: { ...this.#tally.appended },
      duplicates: { ...this.#tally.duplicates },
      rejected: { ...this.#tally.rejected },
      series: this.#metrics.seriesCount,
      bytesOnDisk: this.#settings.databaseBytes() + this.#journal.bytes,
      unsealedBytes: this.#journal.bytes,
    };
  }

  /** Seals now, whatever waits; resolves when it is in the database. */
  async seal(): Promise<void> {
    await this.#exclusively(async () => {
      this.#runs.noteArrivals(this.#instances.seen);
      await seal({
        journal: this.#journal,
        rows: this.#rows,
        metrics: this.#metrics,
        runs: this.#runs,
        generation: this.#generation,
        frozen: this.#frozen,
        now: this.#settings.now(),
        sync: () => this.#syncDatabase(),
      });
      this.#checkpoint();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#retainTimer);
    clearTimeout(this.#sealTimer);
    this.#changes.close();
    try {
      await this.#reader.close();
      await this.#journal.finish();
      if (this.#failure === undefined) await this.seal();
    } finally {
      this.#journal.close();
      try {
        this.#rows.commit();
        this.#rows.database.close();
      } finally {
        this.#unlock();
      }
    }
  }

  #take(record: JournalRecord, request: OtlpRequest): PartialSuccess {
    try {
      return this.#apply(record, request);
    } catch (error) {
      throw isSqliteError(error) ? this.#fail(error) : error;
    }
  }

  #apply(record: JournalRecord, request: OtlpRequest): PartialSuccess {
    const { arrival, sequence } = record;
    this.#tally.appended.requests++;
    this.#instances.note(request, arrival);
    switch (request.signal) {
      case 'metrics':
        this.#metrics.apply(request, arrival);
        this.#changes.note({ metrics: true });
        break;
      case 'traces':
        this.#traces.apply(request);
        this.#changes.note({ traces: true });
        break;
      case 'logs': {
        const changed = new Set<string>();
        this.#events.apply(request, sequence, arrival, changed);
        this.#changes.note({ runs: changed });
        break;
      }
    }
    this.#sealIfDue();
    return this.#tally.finish();
  }

  #sealIfDue(): void {
    // During the replay there is no journal to seal yet; the constructor asks again after it.
    if (!this.#replayed || this.#sealing !== undefined || this.#closing !== undefined) return;
    this.#sealTimer ??= setTimeout(() => this.#sealInBackground(), SEAL_AFTER_MS).unref();
    if (this.#unsealed() >= 1 && this.#maySeal()) this.#sealInBackground();
  }

  #maySeal(): boolean {
    return this.#failure === undefined && this.#settings.now() >= this.#sealNotBefore;
  }

  #sealInBackground(): void {
    if (this.#closing !== undefined) return;
    clearTimeout(this.#sealTimer);
    this.#sealTimer = undefined;
    this.#sealing ??= this.seal()
      .catch((error: unknown) => {
        this.#sealNotBefore = this.#settings.now() + SEAL_RETRY_MS;
        this.#settings.log(
          'error',
          `The database could not be written: ${messageOf(error)}. The data are safe in the journal; it will be tried again.`,
        );
      })
      .finally(() => {
        this.#sealing = undefined;
      });
  }

  /** The write-ahead log of the database on disk: from then on the journal is not needed for what is in it. */
  async #syncDatabase(): Promise<void> {
    if (this.#settings.durability === 'process') return;
    for (const path of [`${this.#databaseFile}-wal`, this.directory]) {
      const file = await open(path, 'r');
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
    }
  }

  #checkpoint(): void {
    if (this.#closing !== undefined) return;
    this.#checkpointed = performance.now();
    this.#reader.checkpoint().catch((error: unknown) => {
      if (this.#closing === undefined)
        this.#settings.log('warn', `A checkpoint of the database failed: ${messageOf(error)}`);
    });
  }

  /** How much waits to be sealed, as a share of what makes a sealing due. */
  #unsealed(): number {
    return Math.max(
      (this.#metrics.weight + this.#runs.weight) / this.#settings.sealPoints,
      this.#journal.bytes / SEAL_JOURNAL_BYTES,
    );
  }

  /**
   * Rows that were to be committed are gone, and with them what this process believes to be in the database. What
   * was acknowledged stays in the journal: a start anew replays it.
   */
  #fail(error: unknown): StoreUnavailableError {
    if (this.#failure === undefined) {
      this.#failure = new StoreUnavailableError(
        `The hub's store takes no more data: ${messageOf(error)}. What it acknowledged is safe in its journal; ` +
          'make room on the disk and start the hub again.',
        { cause: error },
      );
      this.#settings.log('error', this.#failure.message);
    }
    return this.#failure;
  }

  async #exclusively(action: () => Promise<void>): Promise<void> {
    const turn = this.#maintenance.then(action);
    this.#maintenance = turn.catch(() => undefined);
    await turn;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
