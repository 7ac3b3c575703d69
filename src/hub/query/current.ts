/** The points of a gauge or an up-down counter, oldest first. */
export interface Values {
  time: ArrayLike<number>;
  value: ArrayLike<number>;
}
export type Join = 'sum' | 'max' | 'mean';

/** Longest silence after which a gauge's last value no longer stands, ms (Prometheus' lookback of five minutes). */
const LONGEST_SILENCE = 300_000;
/** Shortest such silence, ms: export intervals jitter. */
const SHORTEST_SILENCE = 15_000;
/** Silence allowed to a series of a single point: one and a half of OpenTelemetry's default export interval. */
const SINGLE_POINT_SILENCE = 90_000;

/**
 * For how long the value at `index` stands, ms: three of the series' own recent intervals. A process that has ended
 * must not be added to its successor for minutes.
 */
export function patience({ time }: Values, index: number): number {
  const intervals: number[] = [];
  for (let i = Math.max(1, index - 7); i <= index; i++)
    intervals.push((time[i] as number) - (time[i - 1] as number));
  if (intervals.length === 0) return SINGLE_POINT_SILENCE;
  intervals.sort((a, b) => a - b);
  const median = intervals[intervals.length >> 1] as number;
  return Math.min(LONGEST_SILENCE, Math.max(SHORTEST_SILENCE, 3 * median));
}

/** Index of the newest point at or before `time`; -1 when there is none. */
export function indexAt({ time }: Values, at: number): number {
  let low = 0;
  let high = time.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((time[middle] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * The series' values that stand at a time, joined. `slack` (ms) lets a value stand longer than its series'
 * patience. `undefined` when none stands. NaN joins to NaN.
 */
export function valueAt(
  all: readonly Values[],
  at: number,
  join: Join,
  slack = 0,
): { value: number; time: number } | undefined {
  const standing: number[] = [];
  let newest = -Infinity;
  for (const series of all) {
    const index = indexAt(series, at);
    if (index < 0) continue;
    const time = series.time[index] as number;
    if (at - time > Math.max(slack, patience(series, index))) continue;
    standing.push(series.value[index] as number);
    newest = Math.max(newest, time);
  }
  return standing.length === 0 ? undefined : { value: JOINS[join](standing), time: newest };
}

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const JOINS: Record<Join, (values: number[]) => number> = {
  sum,
  mean: (values) => sum(values) / values.length,
  max: (values) => values.reduce((a, b) => Math.max(a, b), -Infinity),
};
