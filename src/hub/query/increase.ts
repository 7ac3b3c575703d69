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

/** What is known about the process of a series before the series' own first point. */
export interface Sighting {
  /**
   * Newest time before `time` at which another series of the same instrument and resource had a point: a series
   * that was not there then stood at zero. `undefined` when nothing was seen.
   */
  before(time: number): number | undefined;
}
const NOTHING_SEEN: Sighting = { before: () => undefined };

/**
 * The increments of a sum that were reported in the window.
 *
 * The value at `window.from` is the newest point at or before it, so windows that touch each other add up to the
 * whole, and whole counts stay whole. (Prometheus' `increase` extrapolates to the window's edges instead and gives
 * fractions.) A counter starts anew when its start time moves on (OTLP metrics data model, "resets and gaps") or,
 * where the sender gives no start time, when its value falls (Prometheus); the value after a reset is all new.
 *
 * The first point that is known of a series:
 * - its process was seen before without it (`sighting`), or its start time lies in the window: all of it counts;
 * - its start time lies before the window and nothing was seen of its process (a hub that was started late):
 *   the share of the time since the start that lies in the window counts;
 * - no start time: it is the base, and counts nothing.
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
      const increment = base
        ? between(base, point, monotonic)
        : first(point, window.from, sighting.before(point.time));
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
export function isReset(base: { start: number }, point: { start: number }): boolean {
  return base.start > 0 && point.start > base.start;
}

/** Since when the value after a reset has grown. */
export function sinceReset(base: { time: number }, point: { start: number; time: number }): number {
  return point.start > base.time ? Math.min(point.start, point.time) : base.time;
}

function first(point: CumulativePoint, from: number, seen: number | undefined): Increment | undefined {
  const share = firstShare(point, from, seen);
  return share && { from: share.from, to: point.time, amount: point.value * share.share };
}

/** How much of the first known point of a cumulative series lies after `from`, and since when; see `increments`. */
export function firstShare(
  point: { start: number; time: number },
  from: number,
  seen: number | undefined,
): { from: number; share: number } | undefined {
  const start = Math.min(point.start, point.time);
  if (seen !== undefined) return { from: Math.max(start, seen), share: 1 };
  if (start <= 0) return undefined;
  if (start >= from) return { from: start, share: 1 };
  return { from, share: (point.time - from) / (point.time - start) };
}
