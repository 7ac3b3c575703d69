import type { JsonNumber, SeriesResponse } from '../../../conventions/hub-api.ts';

/** On which axis a run's series is drawn. Relative time is seconds since the start of the run. */
export type XAxis = 'step' | 'time' | 'relative';

/** A non-finite point at its true place. */
export interface NonFinitePoint {
  step: number | null;
  time: number;
  value: number;
}

/** A run's series as the page keeps it: columns of equal length, ordered by the x axis they were read for. */
export interface SeriesColumns {
  step: (number | null)[];
  /** Milliseconds since the epoch. */
  time: number[];
  /** Plain numbers; non-finite values included, as they came. */
  value: number[];
  nonFinite: NonFinitePoint[];
  nonFiniteTotal: number;
  /** Points before any reduction, those that came live included. */
  total: number;
  reduced: boolean;
}

/** Non-finite numbers travel as strings, since JSON has none (DESIGN §6). */
export const fromJsonNumber = (value: JsonNumber | null): number =>
  value === null ? Number.NaN : Number(value);

export function columnsOf(response: SeriesResponse): SeriesColumns {
  return {
    step: response.step,
    time: response.time,
    value: response.value.map(fromJsonNumber),
    nonFinite: response.nonFinite.map((point) => ({ ...point, value: fromJsonNumber(point.value) })),
    nonFiniteTotal: response.nonFiniteTotal,
    total: response.total,
    reduced: response.reduced,
  };
}

/** Place of a point on an axis; `startedAt` (ms) is the origin of relative time. NaN for a point without a step. */
export function xOf(step: number | null, time: number, axis: XAxis, startedAt: number): number {
  if (axis === 'step') return step ?? Number.NaN;
  return axis === 'time' ? time / 1000 : (time - startedAt) / 1000;
}

/** What is drawn: x ascending, y with null where the line must break (a non-finite value). */
export interface Line {
  x: number[];
  y: (number | null)[];
}

/** Points without a place on the axis (no step) are left out. */
export function lineOf(columns: SeriesColumns, axis: XAxis, startedAt: number): Line {
  const x: number[] = [];
  const y: (number | null)[] = [];
  for (let i = 0; i < columns.value.length; i++) {
    const at = xOf(columns.step[i] ?? null, columns.time[i] ?? Number.NaN, axis, startedAt);
    if (Number.isNaN(at)) continue;
    const value = columns.value[i] ?? Number.NaN;
    x.push(at);
    y.push(Number.isFinite(value) ? value : null);
  }
  return { x, y };
}
