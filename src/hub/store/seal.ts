import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Journal } from './journal/journal.ts';
import type { MetricsIngest } from './metrics/metrics-ingest.ts';
import { decodeHead, encodeHead, type Head, mergeHeads, type Series } from './metrics/series.ts';
import type { Rows } from './rows.ts';
import { writeRun } from './runs/run-state.ts';
import { runStatus } from './runs/run-status.ts';
import type { RunsIngest } from './runs/runs-ingest.ts';
import { StepHead, type StepSeries } from './runs/step-series.ts';

/** Compressing goes on in turns of about this long, between which requests and reads are served. */
const TURN_MS = 8;
/** A chunk below this is read back and joined with what comes next, so that slow series get whole chunks. */
const SMALL_CHUNK = 512;

/** A chunk to be written: in place of `replaces`, when it swallowed a small one. */
interface Sealed<S> {
  series: S;
  replaces: number | undefined;
  first: number;
  last: number;
  n: number;
  data: Buffer;
}

/** Number of sealings since the store was made; reads compare it (see the read worker). */
export interface Generation {
  value: number;
}

/**
 * Moves everything that is unsealed into chunks, in one durable transaction that also says up to which journal
 * record they reach; then the journal segments are dropped. Fails whole: what was to be sealed is unsealed
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
      const { status, endedAt } = runStatus(run, {
        now: 0,
        interruptedAfterMs: Infinity,
        instances: new Map(),
      });
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
    const chunks = await encodeAll(frozen, (series) => encodeSeries(series, rows));
    const stepChunks = await encodeAll(steps.series, (series) => encodeSteps(series, rows));
    rows.transaction(() => {
      for (const chunk of chunks) writeChunk(rows, chunk);
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
      meta.run('generation', generation.value + 1);
    }, true);
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
  journal.drop(segment);
}

async function encodeAll<S>(all: Iterable<S>, encode: (series: S) => Sealed<S>[]): Promise<Sealed<S>[]> {
  const chunks: Sealed<S>[] = [];
  let began = performance.now();
  for (const series of all) {
    chunks.push(...encode(series));
    if (performance.now() - began < TURN_MS) continue;
    await nextTurn();
    began = performance.now();
  }
  return chunks;
}

function encodeSeries(series: Series, rows: Rows): Sealed<Series>[] {
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
    const row = rows.sql('SELECT data FROM chunk WHERE id = ?').get(tail.id) as
      | { data: Uint8Array }
      | undefined;
    if (row !== undefined) {
      const head = decodeHead(series.metric.kind, row.data, tail.n);
      mergeHeads(head, only);
      return [sealedHead(series, head, tail.id)];
    }
  }
  return heads.map((head) => sealedHead(series, head, undefined));
}

function sealedHead(series: Series, head: Head, replaces: number | undefined): Sealed<Series> {
  return { series, replaces, first: head.first, last: head.last, n: head.length, data: encodeHead(head) };
}

function encodeSteps(series: StepSeries, rows: Rows): Sealed<StepSeries>[] {
  const sealed = (head: StepHead, replaces: number | undefined): Sealed<StepSeries> => ({
    series,
    replaces,
    first: 0,
    last: 0,
    n: head.length,
    data: head.encode(),
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

function writeChunk(rows: Rows, { series, replaces, first, last, n, data }: Sealed<Series>): void {
  if (replaces !== undefined) rows.sql('DELETE FROM chunk WHERE id = ?').run(replaces);
  const { lastInsertRowid } = rows
    .sql('INSERT INTO chunk (series, t0, t1, n, data) VALUES (?, ?, ?, ?, ?)')
    .run(series.id, first, last, n, data);
  series.tail = { id: Number(lastInsertRowid), n };
}

function writeStepChunk(rows: Rows, { series, replaces, n, data }: Sealed<StepSeries>): void {
  if (replaces !== undefined) rows.sql('DELETE FROM step_chunk WHERE id = ?').run(replaces);
  const { lastInsertRowid } = rows
    .sql('INSERT INTO step_chunk (series, n, data) VALUES (?, ?, ?)')
    .run(series.id, n, data);
  series.tail = { id: Number(lastInsertRowid), n };
}
