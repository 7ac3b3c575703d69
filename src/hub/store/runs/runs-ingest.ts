import type { LogRecord } from '../../../otlp/model.ts';
import { histogramBody } from '../../../trackers/index.ts';
import type { Attributes } from '../../../otlp/model.ts';
import type { StepRing } from '../step-ring.ts';
import type { Rows } from '../rows.ts';
import type { Tally } from '../tally.ts';
import { applyRunRecord, type Step, type StepHistogram } from './apply-record.ts';
import { readRunRecord, type RunRecord } from './run-record.ts';
import { newRun, readRun, type RunState } from './run-state.ts';
import { StepSeries } from './step-series.ts';

/** A run in memory: its state with everything that came, and the step series it has. */
export interface LiveRun {
  state: RunState;
  /** By rank and key. */
  series: Map<number, Map<string, StepSeries>>;
}

/** Runs with unsealed records; what is not in here is in the database as it stands. */
export class RunsIngest {
  readonly #rows: Rows;
  readonly #tally: Tally;
  readonly #ring: StepRing;
  readonly #live = new Map<string, LiveRun>();
  readonly #dirty = new Set<string>();
  dirtySeries = new Set<StepSeries>();
  /** Unsealed step points. */
  weight = 0;

  constructor(rows: Rows, tally: Tally, ring: StepRing) {
    this.#rows = rows;
    this.#tally = tally;
    this.#ring = ring;
  }

  /** Takes an event of a run; false when the record names no run (it is an ordinary event then). */
  apply(log: LogRecord, resource: Attributes, arrival: number, changed: Set<string>): boolean {
    const record = readRunRecord(log, resource, arrival);
    if (record === undefined) return false;
    const run = this.#load(record.runId, record.time);
    this.#dirty.add(record.runId);
    const outcome = applyRunRecord(run.state, record);
    if (!outcome.stored) {
      this.#tally.duplicates.runRecords++;
      return true;
    }
    this.#tally.appended.runRecords++;
    changed.add(record.runId);
    if (outcome.rejected !== undefined) this.#tally.note(outcome.rejected.reason, outcome.rejected.count);
    if (outcome.step !== undefined) this.#step(run, record.rank, outcome.step);
    if (outcome.histogram !== undefined) this.#histogram(record, outcome.histogram);
    return true;
  }

  live(id: string): RunState | undefined {
    return this.#live.get(id)?.state;
  }
  allLive(): RunState[] {
    return Array.from(this.#live.values(), (run) => run.state);
  }

  /** Step series of a run's key that this process knows (others have nothing unsealed). */
  *series(run: string, key: string): Iterable<StepSeries> {
    const live = this.#live.get(run);
    if (live === undefined) return;
    for (const keys of live.series.values()) {
      const series = keys.get(key);
      if (series !== undefined) yield series;
    }
  }

  /** Takes the arrival times of the runs' processes into their states, so that they survive a restart. */
  noteArrivals(instances: ReadonlyMap<string, number>): void {
    for (const [id, { state }] of this.#live) {
      for (const { instanceId } of state.ranks.values()) {
        const seen = instances.get(instanceId) ?? 0;
        if (seen <= state.arrival) continue;
        state.arrival = seen;
        this.#dirty.add(id);
      }
    }
  }

  /** Ids of the runs to be written, and forgets that they are. */
  takeDirty(): Set<string> {
    const dirty = new Set(this.#dirty);
    this.#dirty.clear();
    return dirty;
  }
  isDirty(id: string): boolean {
    return this.#dirty.has(id);
  }
  markDirty(ids: Iterable<string>): void {
    for (const id of ids) this.#dirty.add(id);
  }

  /** Lets go of runs that are sealed and of which nothing came since `before`. */
  release(before: number): void {
    for (const [id, run] of this.#live) {
      if (run.state.arrival >= before || this.#dirty.has(id)) continue;
      const unsealed = [...run.series.values()].some((keys) =>
        [...keys.values()].some((series) => series.heads().length > 0),
      );
      if (!unsealed) this.#live.delete(id);
    }
  }

  forget(id: string): void {
    this.#live.delete(id);
    this.#dirty.delete(id);
  }

  #load(id: string, time: number): LiveRun {
    let run = this.#live.get(id);
    if (run === undefined) {
      const row = this.#rows.sql('SELECT state FROM run WHERE id = ?').get(id) as
        | { state: string }
        | undefined;
      run = { state: row === undefined ? newRun(id, time) : readRun(row.state), series: new Map() };
      this.#live.set(id, run);
    }
    return run;
  }

  #step(run: LiveRun, rank: number, { step, time, values }: Step): void {
    let keys = run.series.get(rank);
    if (keys === undefined) {
      keys = new Map();
      run.series.set(rank, keys);
    }
    for (const [key, value] of values) {
      let series = keys.get(key);
      if (series === undefined) {
        series = this.#loadSeries(run.state.id, rank, key);
        keys.set(key, series);
      }
      series.add(step, time, value);
      this.dirtySeries.add(series);
    }
    this.weight += values.length;
    this.#ring.push({ run: run.state.id, rank, step, time, values });
  }

  /** A row at once; a replay after a crash finds it there. */
  #histogram({ runId, rank, seq, time }: RunRecord, { name, step, epoch, histogram }: StepHistogram): void {
    this.#rows.begin();
    this.#rows
      .sql(
        'INSERT INTO run_histogram (run, rank, seq, time, name, step, epoch, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      )
      .run(runId, rank, seq ?? -1, time, name, step, epoch, JSON.stringify(histogramBody(histogram)));
  }

  #loadSeries(run: string, rank: number, key: string): StepSeries {
    this.#rows.begin();
    this.#rows
      .sql('INSERT INTO step_series (run, rank, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
      .run(run, rank, key);
    const { id } = this.#rows
      .sql('SELECT id FROM step_series WHERE run = ? AND rank = ? AND key = ?')
      .get(run, rank, key) as { id: number };
    const tail = this.#rows
      .sql('SELECT id, n FROM step_chunk WHERE series = ? ORDER BY id DESC LIMIT 1')
      .get(id) as { id: number; n: number } | undefined;
    return new StepSeries(id, run, rank, key, tail);
  }
}
