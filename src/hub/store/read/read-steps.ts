import { decodeStepChunk, type StepColumns } from '../chunks/step-chunk.ts';
import { emptyColumns } from '../runs/step-series.ts';
import type { SeriesQuery } from '../store.ts';
import { lowerBound, m4, upperBound } from './m4.ts';
import type { LiveSteps, StepsAnswer } from './protocol.ts';
import { scratchColumns } from './scratch.ts';
import type { ReadDatabase } from './sql.ts';

/** Most non-finite points that are listed; all are counted. */
const LISTED_NON_FINITE = 10_000;

/**
 * Reads a step series in order of x and reduces it. `undefined` when no rank of the run has the key; a rank that has
 * not recorded a key of the run has no points of it.
 */
export function readSteps(
  db: ReadDatabase,
  query: SeriesQuery,
  startedAt: number | undefined,
  live: readonly LiveSteps[],
): StepsAnswer | undefined {
  const ranks = db.all<{ id: number; rank: number }>(
    'SELECT id, rank FROM step_series WHERE run = ? AND key = ? ORDER BY rank',
    query.run,
    query.key,
  );
  if (ranks.length === 0) return undefined;
  const asked = ranks.filter(({ rank }) => query.rank === undefined || rank === query.rank);
  const all = load(
    db,
    asked.map(({ id }) => id),
    live,
  );
  const origin =
    query.x === 'relative'
      ? (startedAt ??
        db.one<{ started: number }>('SELECT started FROM run WHERE id = ?', query.run)?.started ??
        0)
      : 0;
  const columns = ordered(query.x === 'step' ? withStep(all) : all, query.x === 'step');
  const x = axis(columns, query.x, origin);
  const begin = query.from === undefined ? 0 : lowerBound(x, query.from);
  const end = Math.max(begin, query.to === undefined ? x.length : upperBound(x, query.to));
  const total = end - begin;
  const { listed, count } = nonFinite(columns, begin, end);
  if (query.maxPoints === 0 || total <= query.maxPoints) {
    return {
      columns: slice(columns, begin, end),
      nonFinite: listed,
      nonFiniteTotal: count,
      total,
      reduced: false,
    };
  }
  const low = query.from ?? x[begin]!;
  const high = query.to ?? x[end - 1]!;
  const kept = m4(x, columns.value, begin, end, query.maxPoints, low, high);
  return {
    columns: pick(columns, kept),
    nonFinite: listed,
    nonFiniteTotal: count,
    total,
    reduced: kept.length < total,
  };
}

/** Valid until the next call. */
function load(db: ReadDatabase, ids: readonly number[], live: readonly LiveSteps[]): StepColumns {
  let length = 0;
  for (const id of ids) {
    length += db.one<{ n: number }>(
      'SELECT coalesce(sum(n), 0) AS n FROM step_chunk WHERE series = ?',
      id,
    )!.n;
  }
  const heads = live.flatMap((one) => (ids.includes(one.series) ? one.heads : []));
  for (const { step } of heads) length += step.length;
  const [step, time, value] = scratchColumns(length);
  const all: StepColumns = { step, time, value };
  let at = 0;
  for (const id of ids) {
    const chunks = db.each<{ n: number; data: Uint8Array }>(
      'SELECT n, data FROM step_chunk WHERE series = ? ORDER BY id',
      id,
    );
    for (const { n, data } of chunks) {
      decodeStepChunk(data, n, all, at);
      at += n;
    }
    for (const { series, heads } of live) {
      if (series !== id) continue;
      for (const { step, time, value } of heads) {
        all.step.set(step, at);
        all.time.set(time, at);
        all.value.set(value, at);
        at += step.length;
      }
    }
  }
  return all;
}

/** Points that have a step number: the others have no place on an axis of steps. */
function withStep(columns: StepColumns): StepColumns {
  const { step } = columns;
  let missing = 0;
  for (let i = 0; i < step.length; i++) if (step[i] !== step[i]) missing++;
  if (missing === 0) return columns;
  const kept = new Uint32Array(step.length - missing);
  for (let i = 0, k = 0; i < step.length; i++) if (step[i] === step[i]) kept[k++] = i;
  return pick(columns, kept);
}

/** By step then time, or by time; equal ones in order of arrival. Nothing moves when it is in order already. */
function ordered(columns: StepColumns, byStep: boolean): StepColumns {
  const { step, time } = columns;
  const length = time.length;
  let inOrder = true;
  for (let i = 1; i < length && inOrder; i++) {
    inOrder = byStep
      ? step[i - 1]! < step[i]! || (step[i - 1] === step[i] && time[i - 1]! <= time[i]!)
      : time[i - 1]! <= time[i]!;
  }
  if (inOrder) return columns;
  // An array, not a typed one: its sort finds the ascending runs (one a rank and attempt) and merges them.
  const order = Array.from({ length }, (_, i) => i);
  if (byStep) order.sort((a, b) => step[a]! - step[b]! || time[a]! - time[b]!);
  else order.sort((a, b) => time[a]! - time[b]!);
  return pick(columns, order);
}

function axis({ step, time }: StepColumns, x: SeriesQuery['x'], origin: number): Float64Array {
  if (x === 'step') return step;
  return origin === 0 ? time : time.map((t) => t - origin);
}

function nonFinite(
  { step, time, value }: StepColumns,
  begin: number,
  end: number,
): { listed: StepColumns; count: number } {
  const found: number[] = [];
  let count = 0;
  for (let i = begin; i < end; i++) {
    const v = value[i]!;
    if (v - v === 0) continue;
    count++;
    if (found.length < LISTED_NON_FINITE) found.push(i);
  }
  return { listed: pick({ step, time, value }, found), count };
}

function pick({ step, time, value }: StepColumns, positions: ArrayLike<number>): StepColumns {
  const length = positions.length;
  const out = emptyColumns(length);
  for (let i = 0; i < length; i++) {
    const at = positions[i]!;
    out.step[i] = step[at]!;
    out.time[i] = time[at]!;
    out.value[i] = value[at]!;
  }
  return out;
}

function slice({ step, time, value }: StepColumns, begin: number, end: number): StepColumns {
  return { step: step.slice(begin, end), time: time.slice(begin, end), value: value.slice(begin, end) };
}
