import type {
  InstrumentInfo,
  RunDetail,
  RunSummary,
  SeriesResponse,
  SpanInfo,
} from '../../conventions/index.ts';
import { decodeRequest } from '../../otlp/index.ts';
import type { OtlpRequest, PartialSuccess } from '../../otlp/model.ts';
import { matches, numberToJson } from './attributes.ts';
import { Changes } from './changes.ts';
import { EventsIngest } from './events-ingest.ts';
import { Instances } from './instances.ts';
import { Journal } from './journal/journal.ts';
import type { JournalRecord } from './journal/record.ts';
import { HistogramHead } from './metrics/histogram-head.ts';
import { MetricsIngest } from './metrics/metrics-ingest.ts';
import { NumberHead } from './metrics/number-head.ts';
import type { Series } from './metrics/series.ts';
import type { LiveNumbers, LiveRows, LiveSteps, StepsAnswer } from './read/protocol.ts';
import { ReadClient } from './read/read-client.ts';
import { Resources } from './resources.ts';
import { retain } from './retention.ts';
import type { Rows } from './rows.ts';
import { readRun } from './runs/run-state.ts';
import { type Liveness, runDetail, runStatus, runSummary } from './runs/run-status.ts';
import { RunsIngest } from './runs/runs-ingest.ts';
import { type Generation, seal } from './seal.ts';
import type { Settings } from './settings.ts';
import { StepRing } from './step-ring.ts';
import type {
  HistogramSeries,
  HistogramQuery,
  MetricQuery,
  NumberSeries,
  PointsQuery,
  RequestBody,
  SeriesQuery,
  StepsSince,
  Store,
  StoreChange,
  StoreStats,
  TraceQuery,
} from './store.ts';
import { Tally } from './tally.ts';
import { TracesIngest } from './traces/traces-ingest.ts';
import { StoreUnavailableError } from './unavailable-error.ts';

/** Sealing when this much journal waits (or `sealPoints` points): it bounds the time that a replay takes. */
const SEAL_JOURNAL_BYTES = 128 * 1024 * 1024;
/** ... or after this long. */
const SEAL_AFTER_MS = 5 * 60_000;
/** Appends wait for the sealing under way when this many times as much is unsealed. */
const OVERLOAD = 4;
const RETAIN_EVERY_MS = 10 * 60_000;

export interface StoreParts {
  settings: Settings;
  directory: string;
  rows: Rows;
  databaseFile: string;
  journalDirectory: string;
  nextSequence: number;
  generation: number;
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
  readonly #tally = new Tally();
  readonly #resources: Resources;
  readonly #metrics: MetricsIngest;
  readonly #traces: TracesIngest;
  readonly #runs: RunsIngest;
  readonly #events: EventsIngest;
  readonly #instances = new Instances();
  readonly #ring: StepRing;
  readonly #changes: Changes;
  readonly #reads: ReadClient;
  readonly #journal: Journal;
  readonly #generation: Generation;
  readonly #frozen = new Set<Series>();
  /** Sealing and retention, one at a time. */
  #maintenance: Promise<void> = Promise.resolve();
  #sealing: Promise<void> | undefined;
  #sealTimer: NodeJS.Timeout | undefined;
  readonly #retainTimer: NodeJS.Timeout;
  #replayed = false;
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    const { settings, rows } = parts;
    this.#settings = settings;
    this.directory = parts.directory;
    this.#rows = rows;
    this.#unlock = parts.unlock;
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
    this.#reads = new ReadClient(parts.databaseFile, () => this.#generation.value);
    for (const record of parts.replay) {
      try {
        this.#apply(record, decodeRequest(record.signal, record.body.contentType, record.body.bytes));
      } catch (error) {
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
    if (this.#overloaded()) await this.#sealing;
    return await this.#journal.append(request.signal, body, (record) => this.#apply(record, request));
  }

  async runs(filter: Parameters<Store['runs']>[0]): Promise<{ runs: RunSummary[]; total: number }> {
    const { project, status, limit = 100 } = filter;
    const live = this.#liveness();
    const { runs, total } = await this.#reads.ask('runs', () => {
      this.#rows.commit();
      return {
        project,
        status,
        limit,
        ...live,
        live: this.#runs.allLive().map((run) => ({
          id: run.id,
          startedAt: run.startedAt,
          matches:
            (project === undefined || run.project === project) &&
            (status === undefined || runStatus(run, live).status === status),
        })),
      };
    });
    const filled = runs.map(async (run) => {
      if (typeof run !== 'string') return run;
      const state = this.#runs.live(run);
      return state === undefined ? await this.run(run) : runSummary(state, live);
    });
    return { runs: (await Promise.all(filled)).filter((run) => run !== undefined), total };
  }

  async run(id: string): Promise<RunDetail | undefined> {
    const live = this.#runs.live(id);
    if (live !== undefined) return runDetail(live, this.#liveness());
    const text = await this.#reads.ask('runState', () => ({ id }));
    // It may have come to life meanwhile; what was read is then as true as a moment ago.
    return text === undefined ? undefined : runDetail(readRun(text), this.#liveness());
  }

  async series(query: SeriesQuery): Promise<SeriesResponse | undefined> {
    const answer = await this.#reads.ask('steps', () => {
      this.#rows.commit();
      return {
        query,
        startedAt: this.#runs.live(query.run)?.startedAt,
        live: [...this.#runs.series(query.run, query.key)].map(
          (series): LiveSteps => ({
            series: series.id,
            heads: series.heads().map((head) => head.columns()),
          }),
        ),
      };
    });
    return answer === undefined ? undefined : seriesResponse(query, answer);
  }

  async instruments(): Promise<InstrumentInfo[]> {
    return await this.#reads.ask('instruments', () => {
      this.#rows.commit();
      return {
        lastSeen: new Map(Array.from(this.#metrics.metrics(), (metric) => [metric.id, metric.lastSeen])),
      };
    });
  }

  async points(query: PointsQuery): Promise<NumberSeries[]> {
    return await this.#reads.ask('points', () => {
      this.#rows.commit();
      return { query, live: this.#unsealed(query, liveNumbers) };
    });
  }

  async histograms(query: HistogramQuery): Promise<HistogramSeries[]> {
    return await this.#reads.ask('histograms', () => {
      this.#rows.commit();
      return { query, live: this.#unsealed(query, liveRows) };
    });
  }

  async traces(query: TraceQuery): ReturnType<Store['traces']> {
    return await this.#reads.ask('traces', () => {
      this.#rows.commit();
      return query;
    });
  }

  async trace(traceId: string): Promise<SpanInfo[]> {
    return await this.#reads.ask('trace', () => {
      this.#rows.commit();
      return { id: traceId };
    });
  }

  onChange(listener: (change: StoreChange) => void): () => void {
    return this.#changes.listen(listener);
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
      });
    });
  }

  /** Chunks of metrics in the database. */
  chunkCount(): number {
    return (this.#rows.sql('SELECT count(*) AS n FROM chunk').get() as { n: number }).n;
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
      await this.#reads.close();
      if (this.#failure === undefined) await this.seal();
    } finally {
      await this.#journal.close();
      try {
        this.#rows.commit();
        this.#rows.database.close();
      } finally {
        this.#unlock();
      }
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
    const waiting = this.#metrics.weight + this.#runs.weight;
    if (waiting >= this.#settings.sealPoints || this.#journal.bytes >= SEAL_JOURNAL_BYTES)
      this.#sealInBackground();
  }

  #sealInBackground(): void {
    if (this.#closing !== undefined) return;
    clearTimeout(this.#sealTimer);
    this.#sealTimer = undefined;
    this.#sealing ??= this.seal()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#sealing = undefined;
      });
  }

  #overloaded(): boolean {
    return (
      this.#sealing !== undefined &&
      (this.#metrics.weight + this.#runs.weight > OVERLOAD * this.#settings.sealPoints ||
        this.#journal.bytes > OVERLOAD * SEAL_JOURNAL_BYTES)
    );
  }

  /**
   * What was acknowledged stays in the journal, but the database takes no more (disk full, most likely): taking
   * requests on would only fill it further. A restart replays the journal.
   */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = new StoreUnavailableError(
      `The hub's store takes no more data: ${messageOf(error)}. What it acknowledged is safe in its journal; ` +
        'make room on the disk and start the hub again.',
      { cause: error },
    );
    this.#settings.log('error', this.#failure.message);
  }

  async #exclusively(action: () => Promise<void>): Promise<void> {
    const turn = this.#maintenance.then(action);
    this.#maintenance = turn.catch(() => undefined);
    await turn;
  }

  #unsealed<T>(query: MetricQuery, of: (series: Series) => T | undefined): T[] {
    const where = Object.entries(query.where);
    const live: T[] = [];
    for (const series of this.#metrics.unsealed(query.name, this.#frozen)) {
      if (!matches(where, series.attributes, series.resource.attributes)) continue;
      const one = of(series);
      if (one !== undefined) live.push(one);
    }
    return live;
  }

  #liveness(): Liveness {
    return {
      now: this.#settings.now(),
      interruptedAfterMs: this.#settings.interruptedAfterMs,
      instances: this.#instances.seen,
    };
  }
}

function liveNumbers(series: Series): LiveNumbers | undefined {
  const heads = series.heads().filter((head) => head instanceof NumberHead);
  return heads.length === 0 ? undefined : { series: series.id, heads: heads.map((head) => head.columns()) };
}

function liveRows(series: Series): LiveRows | undefined {
  const heads = series.heads().filter((head) => head instanceof HistogramHead);
  return heads.length === 0 ? undefined : { series: series.id, rows: heads.flatMap((head) => head.rows) };
}

function seriesResponse({ run, key, rank, x }: SeriesQuery, answer: StepsAnswer): SeriesResponse {
  const { columns, nonFinite, nonFiniteTotal, total, reduced } = answer;
  return {
    run,
    key,
    rank: rank ?? null,
    x,
    reduced,
    total,
    step: Array.from(columns.step, stepOf),
    time: Array.from(columns.time),
    value: Array.from(columns.value, numberToJson),
    nonFinite: Array.from(nonFinite.step, (step, i) => ({
      step: stepOf(step),
      time: nonFinite.time[i]!,
      value: numberToJson(nonFinite.value[i]!),
    })),
    nonFiniteTotal,
  };
}

function stepOf(step: number): number | null {
  return Number.isNaN(step) ? null : step;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
