import {
  type JsonNumber,
  RUN_STATUSES,
  type RunDetail,
  type RunEndStatus,
  type RunHistogram,
} from '../conventions/index.ts';
import type { HistogramRecord, RunSink, SinkRecord } from '../trackers/index.ts';
import type { HubClient } from './hub-client.ts';

/** What of a hub is asked. */
export type SeriesSource = Pick<HubClient, 'series' | 'histograms'>;
type Step = Extract<SinkRecord, { kind: 'step' }>;

const BATCH = 500;
/** Histograms of one answer. */
const PAGE = 200;
/** Points of all keys together that are in memory at once, about. */
const WINDOW_POINTS = 500_000;

/**
 * Writes what a hub holds of one rank of a run into a sink, a piece of time after the other, so that a run of any
 * length fits into memory. The API gives one column a key: values of the same step and time are one record again.
 * `seq` counts what is written, since the API does not tell the records' own.
 * @returns number of step records
 */
export async function exportRun(
  hub: SeriesSource,
  run: RunDetail,
  rank: number,
  sink: RunSink,
  windowPoints = WINDOW_POINTS,
): Promise<number> {
  await sink.open({
    id: run.id,
    name: run.name,
    project: run.project,
    group: run.group ?? undefined,
    rank,
    worldSize: run.worldSize,
    attempt: run.attempt,
    startedAt: run.startedAt,
    params: run.params,
    tags: run.tags,
    source: run.source,
  });
  let seq = 0;
  let steps = 0;
  const notes: SinkRecord[] = run.notes
    .filter((note) => note.rank === rank)
    .map(({ time, severity, text }): SinkRecord => ({ kind: 'note', seq: 0, time, severity, text }))
    .sort((a, b) => a.time - b.time);
  const write = async (records: readonly SinkRecord[]): Promise<void> => {
    for (let at = 0; at < records.length; at += BATCH)
      await sink.write(records.slice(at, at + BATCH).map((record) => ({ ...record, seq: ++seq })));
  };
  const histograms = new HistogramPages(hub, run, rank);
  for await (const window of stepWindows(hub, run, rank, windowPoints)) {
    steps += window.length;
    const last = window.at(-1)?.time ?? -Infinity;
    const until = notes.findIndex(({ time }) => time > last);
    const between = notes.splice(0, until < 0 ? notes.length : until);
    await write([...window, ...between, ...(await histograms.upTo(last))].sort((a, b) => a.time - b.time));
  }
  await write([...notes, ...(await histograms.upTo(Infinity))].sort((a, b) => a.time - b.time));
  for (const artifact of run.artifacts) {
    if (artifact.rank === rank) await sink.artifact({ ...artifact, seq: ++seq, metadata: artifact.metadata });
  }
  await sink.close(endStatus(run.status), run.summary, undefined, run.endedAt ?? undefined);
  return steps;
}

/** Histograms of a rank in the order in which they came, a page after the other. */
class HistogramPages {
  readonly #hub: SeriesSource;
  readonly #run: string;
  readonly #rank: number;
  #page: HistogramRecord[] = [];
  /** `after` of the next page; null when there are no more. */
  #next: number | null;

  constructor(hub: SeriesSource, run: RunDetail, rank: number) {
    this.#hub = hub;
    this.#run = run.id;
    this.#rank = rank;
    // an older hub knows of none
    this.#next = run.histograms > 0 ? 0 : null;
  }

  /** Those until the first one after that time. */
  async upTo(time: number): Promise<HistogramRecord[]> {
    const found: HistogramRecord[] = [];
    for (;;) {
      const later = this.#page.findIndex((record) => record.time > time);
      found.push(...this.#page.splice(0, later < 0 ? this.#page.length : later));
      if (this.#page.length > 0 || this.#next === null) return found;
      const query = { rank: this.#rank, after: this.#next, limit: PAGE };
      const { histograms, next } = await this.#hub.histograms(this.#run, query);
      this.#page = histograms.map(histogramRecord);
      this.#next = next;
    }
  }
}

function histogramRecord({ name, step, epoch, time, ...histogram }: RunHistogram): HistogramRecord {
  const { min, max, sum, edges, counts, nan, positiveInfinity, negativeInfinity } = histogram;
  const known = { min: min ?? undefined, max: max ?? undefined, sum: sum ?? undefined };
  return {
    kind: 'histogram',
    seq: 0,
    time,
    step: step ?? 0,
    epoch: epoch ?? undefined,
    name,
    histogram: { edges, counts, ...known, nan, positiveInfinity, negativeInfinity },
  };
}

/** The steps in the order of time, a window of them at once. */
async function* stepWindows(
  hub: SeriesSource,
  run: RunDetail,
  rank: number,
  windowPoints: number,
): AsyncGenerator<Step[]> {
  const keys = run.keys.map(({ key }) => key);
  // Steps may bear any time that the program gave them, so the bounds come from the data: the reduced series has the
  // first and the last point of each key.
  let first = Infinity;
  let last = -Infinity;
  let points = 0;
  for (const key of keys) {
    const { time, total } = await hub.series(run.id, key, { rank, x: 'time', maxPoints: 4 });
    points += total;
    for (const at of time) {
      first = Math.min(first, at);
      last = Math.max(last, at);
    }
  }
  if (points === 0) return;
  // bounds are inclusive: windows are apart by the smallest step that a double of this size has
  const pieces = [{ from: first, to: last, points }];
  for (let piece = pieces.pop(); piece; piece = pieces.pop()) {
    const { from, to } = piece;
    const middle = from + (to - from) / 2;
    if (piece.points > windowPoints && from < middle && middle < to) {
      const after = nextUp(middle);
      const left = { from, to: middle, points: await count(hub, run.id, keys, rank, from, middle) };
      pieces.push({ from: after, to, points: piece.points - left.points }, left);
      continue;
    }
    if (piece.points > 0) yield await stepsOf(hub, run.id, rank, keys, from, to);
  }
}

async function count(
  hub: SeriesSource,
  run: string,
  keys: readonly string[],
  rank: number,
  from: number,
  to: number,
): Promise<number> {
  let total = 0;
  for (const key of keys)
    total += (await hub.series(run, key, { rank, x: 'time', from, to, maxPoints: 4 })).total;
  return total;
}

/** The next larger double of a time. */
function nextUp(time: number): number {
  const bits = new BigInt64Array(1);
  const number = new Float64Array(bits.buffer);
  number[0] = time;
  bits[0] = (bits[0] as bigint) + (time >= 0 ? 1n : -1n);
  return number[0];
}

async function stepsOf(
  hub: SeriesSource,
  id: string,
  rank: number,
  keys: readonly string[],
  from: number,
  to: number,
): Promise<Step[]> {
  const steps = new Map<string, Step>();
  for (const key of keys) {
    const { step, time, value } = await hub.series(id, key, { rank, x: 'time', from, to, maxPoints: 0 });
    // A step that was recorded twice at one time with the same key: the second goes into a record of its own.
    const seen = new Map<string, number>();
    for (let i = 0; i < time.length; i++) {
      const at = `${step[i]}@${time[i]}`;
      const repeat = seen.get(at) ?? 0;
      seen.set(at, repeat + 1);
      const place = `${at}#${repeat}`;
      let record = steps.get(place);
      if (!record) {
        record = {
          kind: 'step',
          seq: 0,
          time: time[i] as number,
          step: step[i] ?? 0,
          epoch: undefined,
          values: {},
        };
        steps.set(place, record);
      }
      (record.values as Record<string, number>)[key] = numberOf(value[i] as JsonNumber);
    }
  }
  return [...steps.values()].sort((a, b) => a.time - b.time);
}

function numberOf(value: JsonNumber): number {
  return typeof value === 'number' ? value : Number(value);
}

function endStatus(status: string): RunEndStatus | undefined {
  if (status === 'interrupted') return 'killed';
  return RUN_STATUSES.find((known) => known === status);
}
