import { type RunSummary, type Tile, catalogueEntry } from '../../conventions/index.ts';
import { type Cells, cellOf, cells } from './cover.ts';
import { type Evaluated, NOTHING, SPARK_POINTS, evaluate } from './evaluate.ts';
import type { Window } from './increase.ts';
import { type CellValues, cellEnd } from './rate.ts';
import type { Reading } from './reading.ts';

/** How many of the runs that started last are searched for a training key. */
const SEARCHED_RUNS = 100;

/**
 * A catalogue key over the window. A key of a run is that of the run asked for, or else, among those that have it, of
 * the run under way that started last, or of the run that started last: the order that the page lists them in.
 * A key that is neither in the catalogue nor in a run gives a tile without a value.
 */
export async function tile(key: string, reading: Reading, window: Window, run?: string): Promise<Tile> {
  const entry = catalogueEntry(key);
  const { title, unit, better, help } = entry ?? { title: key, unit: '1', better: 'none', help: '' };
  const found: Evaluated & { run?: string } =
    !entry || entry.source.from === 'run'
      ? await ofRun(key, reading, window, run)
      : await evaluate(entry.source, reading, window);
  const { value, time, previous, since, spark } = found;
  const delta = value === null || previous === null ? Number.NaN : value - previous;
  return {
    key,
    title,
    unit,
    better,
    help,
    // The encoder writes non-finite numbers as the strings of `JsonNumber`.
    value,
    time,
    delta: Number.isFinite(delta) ? delta : null,
    since: Number.isFinite(delta) ? since : null,
    spark,
    run: found.run ?? null,
  };
}

async function ofRun(
  key: string,
  reading: Reading,
  window: Window,
  id: string | undefined,
): Promise<Evaluated & { run?: string }> {
  const run = id === undefined ? await newestWith(key, reading) : await reading.run(id);
  const last = run && Object.hasOwn(run.last, key) ? run.last[key] : undefined;
  if (!run || !last) return { ...NOTHING };
  const value = asNumber(last.value);
  const ask = { run: run.id, key, x: 'time' as const };
  // Four points a column: M4 keeps the last one of each.
  const inWindow = await reading.series({ ...ask, ...window, maxPoints: SPARK_POINTS * 4 });
  const before = await reading.series({ ...ask, to: window.from, maxPoints: 4 });
  const times = inWindow?.time ?? [];
  const values = (inWindow?.value ?? []).map(asNumber);
  const earlier = before && before.time.length > 0 ? before : undefined;
  const [since, previous] = earlier
    ? [earlier.time.at(-1) as number, asNumber(earlier.value.at(-1) as number)]
    : [times[0], values[0]];
  const compared = since !== undefined && previous !== undefined && since < last.time;
  return {
    value,
    time: last.time,
    previous: compared ? previous : null,
    since: compared ? since : null,
    spark: lastOfCells(times, values, cells(window, SPARK_POINTS)),
    run: run.id,
  };
}

async function newestWith(key: string, reading: Reading): Promise<RunSummary | undefined> {
  const { runs } = await reading.runs({ limit: SEARCHED_RUNS });
  const having = runs
    .filter((run) => Object.hasOwn(run.last, key))
    .sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? -1 : 1));
  return having.find((run) => run.status === 'running') ?? having[0];
}

function lastOfCells(times: readonly number[], values: readonly number[], grid: Cells): CellValues {
  const last = new Map<number, number>();
  times.forEach((time, i) => last.set(cellOf(grid, time), values[i] as number));
  const order = [...last.keys()].sort((a, b) => a - b);
  const newest = times.at(-1) ?? 0;
  return {
    time: order.map((cell) => Math.min(cellEnd(grid, cell), newest)),
    value: order.map((cell) => last.get(cell) as number),
  };
}

/** A value of the API as a number. */
function asNumber(value: number | string): number {
  return typeof value === 'number' ? value : Number(value);
}
