import type {
  InstrumentInfo,
  RunDetail,
  RunHistogram,
  RunSummary,
  SeriesResponse,
  SpanInfo,
} from '../../conventions/index.ts';
import { numberToJson } from './attributes.ts';
import { HistogramHead } from './metrics/histogram-head.ts';
import type { MetricsIngest } from './metrics/metrics-ingest.ts';
import { NumberHead } from './metrics/number-head.ts';
import type { Series } from './metrics/series.ts';
import type { LiveNumbers, LiveRows, LiveSeries, LiveSteps, StepsAnswer } from './read/protocol.ts';
import type { ReadClient } from './read/read-client.ts';
import type { Rows } from './rows.ts';
import { readRun } from './runs/run-state.ts';
import { type Liveness, runDetail, runStatus, runSummary } from './runs/run-status.ts';
import type { RunsIngest } from './runs/runs-ingest.ts';
import { seriesFilter } from './series-filter.ts';
import type {
  HistogramQuery,
  HistogramSeries,
  MetricQuery,
  NumberSeries,
  PointsQuery,
  RunHistogramQuery,
  SeriesQuery,
  Store,
  TraceQuery,
} from './store.ts';

/** The reading half of the store: joins what the writer holds unsealed with what the read worker finds. */
export class StoreReader {
  readonly #reads: ReadClient;
  readonly #rows: Rows;
  readonly #metrics: MetricsIngest;
  readonly #runs: RunsIngest;
  readonly #frozen: ReadonlySet<Series>;
  readonly #liveness: () => Liveness;

  constructor(parts: {
    reads: ReadClient;
    rows: Rows;
    metrics: MetricsIngest;
    runs: RunsIngest;
    frozen: ReadonlySet<Series>;
    liveness: () => Liveness;
  }) {
    this.#reads = parts.reads;
    this.#rows = parts.rows;
    this.#metrics = parts.metrics;
    this.#runs = parts.runs;
    this.#frozen = parts.frozen;
    this.#liveness = parts.liveness;
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

  async runHistograms(query: RunHistogramQuery): Promise<RunHistogram[]> {
    return await this.#reads.ask('runHistograms', () => {
      this.#rows.commit();
      return query;
    });
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
      return { query, live: this.#heads(query, liveNumbers) };
    });
  }

  async histograms(query: HistogramQuery): Promise<HistogramSeries[]> {
    return await this.#reads.ask('histograms', () => {
      this.#rows.commit();
      return { query, live: this.#heads(query, liveRows) };
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

  /** Moves the write-ahead log into the database file, in the worker. */
  async checkpoint(): Promise<void> {
    await this.#reads.ask('checkpoint', () => null);
  }

  async close(): Promise<void> {
    await this.#reads.close();
  }

  #heads<T>(query: MetricQuery, of: (series: Series) => T | undefined): T[] {
    const wanted = seriesFilter(query);
    const live: T[] = [];
    for (const series of this.#metrics.unsealed(query.name, this.#frozen)) {
      if (!wanted(series.attributes, series.resource.attributes)) continue;
      const one = of(series);
      if (one !== undefined) live.push(one);
    }
    return live;
  }
}

function liveNumbers(series: Series): LiveNumbers | undefined {
  const heads = series.heads().filter((head) => head instanceof NumberHead);
  if (heads.length === 0) return undefined;
  return { ...liveSeries(series), heads: heads.map((head) => head.columns()) };
}

function liveRows(series: Series): LiveRows | undefined {
  const heads = series.heads().filter((head) => head instanceof HistogramHead);
  return heads.length === 0 ? undefined : { ...liveSeries(series), rows: heads.flatMap((head) => head.rows) };
}

const liveSeries = ({ id, resource }: Series): LiveSeries => ({ series: id, resourceSince: resource.oldest });

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
