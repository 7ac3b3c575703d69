import type { NumberSeries } from '../store/store.ts';

/** A span of time in which something is asked: after `from`, up to and with `to`; ms since the epoch. */
export interface Window {
  from: number;
  to: number;
}

/** What a counter grew by: `amount` came about after `from` and was reported at `to` (ms since the epoch). */
export interface Increment {
  from: number;
  to: number;
  amount: number;
}

/** What is known about the process of a series beside the series itself. */
export interface Sighting {
  /** When the process was first seen, by a point of any metric (ms since the epoch). */
  readonly since: number | undefined;
  /**
   * Newest time before `time` at which another series of the same instrument and resource had a point: a series
   * that was not there then stood at zero. `undefined` when nothing was seen.
   */
  before(time: number): number | undefined;
}
const NOTHING_SEEN: Sighting = { since: undefined, before: () => undefined };

/**
 * How long after it began to count a process may be first seen, ms, for its first report to count from there: the
 * longest usual export interval of five minutes, and a retry. What began earlier has been counting elsewhere: since
 * the machine was booted, or in a process that ran before anybody listened.
 */
export const LATEST_FIRST_REPORT = 6 * 60_000;
/** Time in which a late first value came about, at most, ms: OpenTelemetry's default export interval. */
const EXPORT_INTERVAL = 60_000;
/** Points of one report may differ by this much in time, ms; exports are further apart. */
const ONE_REPORT = 500;

/**
 * The increments of a sum that were reported in the window.
 *
 * The value at `window.from` is the newest point at or before it, so windows that touch each other add up to the
 * whole, and whole counts stay whole. (Prometheus' `increase` extrapolates to the window's edges instead and gives
 * fractions.) A counter starts anew when its start time moves past its last report (OTLP metrics data model, "resets
 * and gaps") or when its value falls (Prometheus); the value after a reset is all new. A start time that creeps on
 * below the last report is a clock that is read anew each time (the boot time of a machine), no reset.
 *
 * The first point that is known of a series counts whole when it stood at zero at a time that is known
 * (`countedSince`); else it is the base and counts nothing, as in Prometheus without created timestamps.
 *
 * Points whose value is not finite are passed over.
 */
export function increments(series: NumberSeries, window: Window, sighting = NOTHING_SEEN): Increment[] {
  return series.temporality === 'delta'
    ? deltaIncrements(series, window)
    : cumulativeIncrements(series, window, sighting);
}

function deltaIncrements({ time, start, value }: NumberSeries, window: Window): Increment[] {
  const found: Increment[] = [];
  let previous: number | undefined;
  for (let i = 0; i < time.length; i++) {
    const to = time[i] as number;
    const amount = value[i] as number;
    if (to > window.from && to <= window.to && Number.isFinite(amount)) {
      const since = start[i] as number;
      found.push({ from: since > 0 ? Math.min(since, to) : (previous ?? to), to, amount });
    }
    previous = to;
  }
  return found;
}

function cumulativeIncrements(series: NumberSeries, window: Window, sighting: Sighting): Increment[] {
  const { time, start, value, monotonic } = series;
  const found: Increment[] = [];
  let base: { time: number; start: number; value: number } | undefined;
  for (let i = 0; i < time.length; i++) {
    const point = { time: time[i] as number, start: start[i] as number, value: value[i] as number };
    if (!Number.isFinite(point.value) || point.time > window.to) continue;
    if (point.time > window.from) {
      const increment = base ? between(base, point, monotonic) : first(point, sighting);
      if (increment) found.push(increment);
    }
    base = point;
  }
  return found;
}

interface CumulativePoint {
  time: number;
  start: number;
  value: number;
}

function between(base: CumulativePoint, point: CumulativePoint, monotonic: boolean): Increment {
  if (isReset(base, point) || (monotonic && point.value < base.value))
    return { from: sinceReset(base, point), to: point.time, amount: point.value };
  return { from: base.time, to: point.time, amount: point.value - base.value };
}

/** True when the start times say that counting began anew between the two points. */
export function isReset(base: { start: number; time: number }, point: { start: number }): boolean {
  return base.start > 0 && point.start > base.start && point.start >= base.time;
}

/** Since when the value after a reset has grown. */
export function sinceReset(base: { time: number }, point: { start: number; time: number }): number {
  return point.start > base.time ? Math.min(point.start, point.time) : base.time;
}

function first(point: CumulativePoint, sighting: Sighting): Increment | undefined {
  const from = countedSince(point, sighting);
  return from === undefined ? undefined : { from, to: point.time, amount: point.value };
}

/**
 * Since when the first known point of a cumulative series has grown from zero; `undefined` when that is not known:
 * - its process was seen before without it (`Sighting.before`): since then;
 * - it began to count when its process began, as far as the hub can tell: at most `LATEST_FIRST_REPORT` before the
 *   process was first seen. A program that starts, serves, exports once and ends counts whole; a machine's network
 *   counter that has run since boot does not.
 *
 * A start time equal to the point's own says that the true start is not known (OTLP data model, "cumulative streams:
 * handling unknown start time").
 */
export function countedSince(point: { start: number; time: number }, sighting: Sighting): number | undefined {
  const { start, time } = point;
  const before = sighting.before(time - ONE_REPORT);
  if (before !== undefined) return Math.min(time, Math.max(start, before));
  if (start <= 0 || start >= time) return undefined;
  const since = Math.min(sighting.since ?? time, time);
  if (start < since - LATEST_FIRST_REPORT) return undefined;
  // The process reported before without this series: it stood at zero at least until one report ago.
  return since < time - ONE_REPORT ? Math.max(start, since, time - EXPORT_INTERVAL) : start;
}
