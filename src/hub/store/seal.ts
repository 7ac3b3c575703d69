import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Journal } from './journal/journal.ts';
import type { MetricsIngest } from './metrics/metrics-ingest.ts';
import {
  type ChunkRow,
  decodeHead,
  encodeHead,
  type Head,
  mergeHeads,
  SELECT_CHUNK,
  type Series,
} from './metrics/series.ts';
import { shareTimes, type SharedTimes } from './metrics/shared-times.ts';
import type { Rows } from './rows.ts';
import { writeRun } from './runs/run-state.ts';
import { type Liveness, runStatus } from './runs/run-status.ts';
import type { RunsIngest } from './runs/runs-ingest.ts';
import { StepHead, type StepSeries } from './runs/step-series.ts';

/** Compressing goes on in turns of about this long, between which requests and reads are served. */
const TURN_MS = 8;
/** A chunk below this is read back and joined with what comes next, so that slow series get whole chunks. */
const SMALL_CHUNK = 512;

const ALWAYS_ALIVE: Liveness = {
  now: 0,
  interruptedAfterMs: Infinity,
  instances: new Map(),
  stoppedAt: 0,
  openedAt: 0,
};

/** A chunk to be written: in place of `replaces`, when it swallowed a small one. */
interface Sealed<S> {
  series: S;
  replaces: number | undefined;
  first: number;
  last: number;
  n: number;
  data: Buffer;
  /** The times, when they are shared with other chunks of this sealing. */
  times: SharedTimes | undefined;
}

/** Number of sealings since the store was made; reads compare it (see the read worker). */
export interface Generation {
  value: number;
}

/**
 * Moves everything that is unsealed into chunks, in one transaction that also says up to which journal record they
 * reach; when that is on disk, the journal segments are dropped. Fails whole: what was to be sealed is unsealed
 * again, and the journal still has it.
 */
export async function seal(parts: {
  journal: Journal;
  rows: Rows;
  metrics: MetricsIngest;
  runs: RunsIngest;
  generation: Generation;
  /** Series being sealed, for reads meanwhile. */
  frozen: Set<Series>;
  /** Wall clock. */
  now: number;
  /** Waits until what was committed is on disk. */
  sync: () => Promise<void>;
}): Promise<void> {
  const { journal, rows, metrics, runs, generation, frozen } = parts;
  const { segment, watermark, steps } = await journal.between(() => {
    for (const series of metrics.dirty) {
      series.freeze();
      frozen.add(series);
    }
    metrics.dirty = new Set();
    metrics.weight = 0;
    const steps = runs.dirtySeries;
    for (const series of steps) series.freeze();
    runs.dirtySeries = new Set();
    runs.weight = 0;
    // The states stand with what the frozen series hold: they are taken as text now.
    const states = runs.takeDirty();
    const texts = new Map<
      string,
      { text: string; project: string; started: number; updated: number; status: string }
    >();
    for (const id of states) {
      const run = runs.live(id);
      if (run === undefined) continue;
      const { status, endedAt } = runStatus(run, ALWAYS_ALIVE);
      texts.set(id, {
        text: writeRun(run),
        project: run.project,
        started: run.startedAt,
        updated: run.updatedAt,
        status: endedAt === null ? '' : status,
      });
    }
    return { segment: journal.rotate(), watermark: journal.sequence, steps: { series: steps, texts } };
  });
  try {
    const joined = await inTurns(frozen, (series) => headsToSeal(series, rows));
    const shared = shareTimes(joined.flat().map(({ head }) => head));
    const chunks = await inTurns(joined.flat(), (one) => sealHead(one, shared.get(one.head)));
    const stepChunks = (await inTurns(steps.series, (series) => encodeSteps(series, rows))).flat();
    rows.transaction(() => {
      writeChunks(rows, chunks);
      for (const chunk of stepChunks) writeStepChunk(rows, chunk);
      for (const entry of metrics.metrics()) {
        rows.sql('UPDATE metric SET last_seen = ? WHERE id = ?').run(entry.lastSeen, entry.id);
      }
      for (const [id, run] of steps.texts) {
        rows
          .sql(
            'INSERT OR REPLACE INTO run (id, project, started, updated, status, state) VALUES (?, ?, ?, ?, ?, ?)',
          )
          .run(id, run.project, run.started, run.updated, run.status, run.text);
      }
      const meta = rows.sql('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
      meta.run('watermark', watermark);
      meta.run('alive', parts.now);
      meta.run('generation', generation.value + 1);
    });
    generation.value++;
    for (const series of frozen) series.frozen = [];
    for (const series of steps.series) series.frozen = [];
    metrics.chunksChanged();
  } catch (error) {
    for (const series of frozen) {
      series.thaw();
      metrics.dirty.add(series);
      for (const head of series.heads()) metrics.weight += head.weight;
      // Its tail may name a chunk that was never written.
      series.tail = undefined;
    }
    for (const series of steps.series) {
      series.thaw();
      runs.dirtySeries.add(series);
      series.tail = undefined;
    }
    runs.markDirty(steps.texts.keys());
    throw error;
  } finally {
    frozen.clear();
  }
  await parts.sync();
  journal.drop(segment);
}

/** `work` for each, in turns of the event loop. */
async function inTurns<T, R>(all: Iterable<T>, work: (one: T) => R): Promise<R[]> {
  const done: R[] = [];
  let began = performance.now();
  for (const one of all) {
    done.push(work(one));
    if (performance.now() - began < TURN_MS) continue;
    await nextTurn();
    began = performance.now();
  }
  return done;
}

interface HeadToSeal {
  series: Series;
  head: Head;
  replaces: number | undefined;
}

function headsToSeal(series: Series, rows: Rows): HeadToSeal[] {
  const heads = series.frozen;
  const [only] = heads;
  const { tail } = series;
  if (
    heads.length === 1 &&
    only !== undefined &&
    only.length < SMALL_CHUNK &&
    tail !== undefined &&
    tail.n < SMALL_CHUNK
  ) {
    const row = rows.sql(`${SELECT_CHUNK} WHERE chunk.id = ?`).get(tail.id) as unknown as
      | ChunkRow
      | undefined;
    if (row !== undefined) {
      const head = decodeHead(series.metric.kind, row);
      mergeHeads(head, only);
      return [{ series, head, replaces: tail.id }];
    }
  }
  return heads.map((head) => ({ series, head, replaces: undefined }));
}

function sealHead({ series, head, replaces }: HeadToSeal, times: SharedTimes | undefined): Sealed<Series> {
  const data = encodeHead(head, times !== undefined);
  return { series, replaces, first: head.first, last: head.last, n: head.length, data, times };
}

function encodeSteps(series: StepSeries, rows: Rows): Sealed<StepSeries>[] {
  const sealed = (head: StepHead, replaces: number | undefined): Sealed<StepSeries> => ({
    series,
    replaces,
    first: 0,
    last: 0,
    n: head.length,
    data: head.encode(),
    times: undefined,
  });
  const heads = series.frozen;
  const [only] = heads;
  const { tail } = series;
  if (
    heads.length === 1 &&
    only !== undefined &&
    only.length < SMALL_CHUNK &&
    tail !== undefined &&
    tail.n < SMALL_CHUNK
  ) {
    const row = rows.sql('SELECT data FROM step_chunk WHERE id = ?').get(tail.id) as
      | { data: Uint8Array }
      | undefined;
    if (row !== undefined) {
      const head = StepHead.decode(row.data, tail.n);
      head.append(only);
      return [sealed(head, tail.id)];
    }
  }
  return heads.map((head) => sealed(head, undefined));
}

function writeChunks(rows: Rows, chunks: readonly Sealed<Series>[]): void {
  const timesIds = new Map<SharedTimes, number>();
  for (const { series, replaces, first, last, n, data, times } of chunks) {
    if (replaces !== undefined) rows.sql('DELETE FROM chunk WHERE id = ?').run(replaces);
    let timesId: number | null = null;
    if (times !== undefined) {
      timesId =
        timesIds.get(times) ??
        Number(rows.sql('INSERT INTO times (data) VALUES (?)').run(times.data).lastInsertRowid);
      timesIds.set(times, timesId);
    }
    const { lastInsertRowid } = rows
      .sql('INSERT INTO chunk (series, t0, t1, n, times, data) VALUES (?, ?, ?, ?, ?, ?)')
      .run(series.id, first, last, n, timesId, data);
    series.tail = { id: Number(lastInsertRowid), n };
  }
}

function writeStepChunk(rows: Rows, { series, replaces, n, data }: Sealed<StepSeries>): void {
  if (replaces !== undefined) rows.sql('DELETE FROM step_chunk WHERE id = ?').run(replaces);
  const { lastInsertRowid } = rows
    .sql('INSERT INTO step_chunk (series, n, data) VALUES (?, ?, ?)')
    .run(series.id, n, data);
  series.tail = { id: Number(lastInsertRowid), n };
}
