import { parseDuration } from '../../../conventions/duration.ts';
import type { SettingsResponse } from '../../../conventions/hub-api.ts';
import type { XAxis } from '../series/columns.ts';
import { MAX_SMOOTHING } from '../series/smoothing.ts';

/** Everything that a link to the page says. What equals the default is left out of the address. */
export interface Address {
  view: View;
  /** Length of the window, as `1h`; whole minutes. */
  window: string;
  /** Seconds between two updates. */
  refresh: number;
  paused: boolean;
  /** Selected runs, the first is the one whose details are shown. At most `MAX_RUNS`. */
  runs: string[];
  x: XAxis;
  y: 'linear' | 'log';
  smooth: number;
  /** Zoom of the run charts, in units of their x axis. */
  zoom: Range | null;
  /** Absolute range of everything over time, ms since the epoch; stands in for `window`. */
  range: Range | null;
  latency: LatencyMeasure;
  search: string;
  trace: string;
  theme: 'auto' | 'light' | 'dark';
}
export type Range = readonly [from: number, to: number];

export const VIEWS = ['overview', 'runs', 'serving', 'host', 'traces'] as const;
export type View = (typeof VIEWS)[number];
/** The windows and refresh intervals to choose from; an address or the hub's settings may say others. */
export const WINDOWS = ['1h', '6h', '24h', '7d'] as const;
export const REFRESHES = [5, 10, 30, 60] as const;
const WINDOW_BOUNDS = [60_000, 366 * 86_400_000] as const;
const LONGEST_REFRESH = 60;
export const LATENCIES = ['ttft', 'duration', 'tpot'] as const;
export type LatencyMeasure = (typeof LATENCIES)[number];
const X_AXES: readonly XAxis[] = ['step', 'time', 'relative'];
const THEMES = ['auto', 'light', 'dark'] as const;
/** More lines than this are not told apart any more. */
export const MAX_RUNS = 10;

export const DEFAULTS: Address = {
  view: 'overview',
  window: '1h',
  refresh: 5,
  paused: false,
  runs: [],
  x: 'step',
  y: 'linear',
  smooth: 0,
  zoom: null,
  range: null,
  latency: 'ttft',
  search: '',
  trace: '',
  theme: 'auto',
};

/** What the hub's settings make the default. */
export function withSettings({ dashboard }: SettingsResponse): Address {
  const window = windowText(dashboard.timeWindow);
  return { ...DEFAULTS, window, refresh: dashboard.refreshInterval, paused: !dashboard.autoRefresh };
}

/**
 * Reads an address' query. Whatever is not understood becomes the default: an old link still opens.
 * @param defaults those of the hub's settings.
 */
export function parseAddress(query: string, defaults: Address = DEFAULTS): Address {
  const read = new URLSearchParams(query);
  const oneOf = <T extends string | number>(name: string, choices: readonly T[], fallback: T): T =>
    choices.find((choice) => String(choice) === read.get(name)) ?? fallback;
  const smoothing = Number(read.get('smooth') ?? defaults.smooth);
  const refresh = Number(read.get('refresh') ?? Number.NaN);
  const paused = read.get('paused');
  return {
    view: oneOf('view', VIEWS, defaults.view),
    window: knownWindow(read.get('window')) ?? defaults.window,
    refresh:
      Number.isInteger(refresh) && refresh >= 1 && refresh <= LONGEST_REFRESH ? refresh : defaults.refresh,
    paused: paused === '1' || (paused !== '0' && defaults.paused),
    runs: [...new Set(read.getAll('run').filter((id) => id !== ''))].slice(0, MAX_RUNS),
    x: oneOf('x', X_AXES, defaults.x),
    y: oneOf('y', ['linear', 'log'] as const, defaults.y),
    smooth: Number.isFinite(smoothing) ? Math.min(Math.max(smoothing, 0), MAX_SMOOTHING) : defaults.smooth,
    zoom: parseRange(read.get('zoom')),
    range: parseRange(read.get('range')),
    latency: oneOf('latency', LATENCIES, defaults.latency),
    search: read.get('q') ?? defaults.search,
    trace: read.get('trace') ?? defaults.trace,
    theme: oneOf('theme', THEMES, defaults.theme),
  };
}

/** The query of an address, `?` included; empty when everything is at its default. */
export function formatAddress(address: Address, defaults: Address = DEFAULTS): string {
  const write = new URLSearchParams();
  const put = (name: string, value: string | number, fallback: string | number): void => {
    if (value !== fallback) write.set(name, String(value));
  };
  put('view', address.view, defaults.view);
  for (const id of address.runs) write.append('run', id);
  put('window', address.window, defaults.window);
  put('refresh', address.refresh, defaults.refresh);
  put('paused', address.paused ? 1 : 0, defaults.paused ? 1 : 0);
  put('x', address.x, defaults.x);
  put('y', address.y, defaults.y);
  put('smooth', address.smooth, defaults.smooth);
  put('zoom', formatRange(address.zoom), '');
  put('range', formatRange(address.range), '');
  put('latency', address.latency, defaults.latency);
  put('q', address.search, defaults.search);
  put('trace', address.trace, defaults.trace);
  put('theme', address.theme, defaults.theme);
  const text = write.toString();
  return text === '' ? '' : `?${text}`;
}

/** Length of a window in ms. */
export const windowLength = (window: string): number => parseDuration(window) ?? 0;

function knownWindow(text: string | null): string | undefined {
  const length = Math.round(windowLength(text ?? '') / MINUTE) * MINUTE;
  const [least, most] = WINDOW_BOUNDS;
  return length >= least && length <= most ? windowText(length) : undefined;
}

/** A window of whole minutes as people write it: `1h`, `7d`, `90m`; one text for one length. */
export function windowText(length: number): string {
  const usual = WINDOWS.find((window) => windowLength(window) === length);
  if (usual !== undefined) return usual;
  const [unit, size] = UNITS.find(([, size]) => length % size === 0) ?? ['m', MINUTE];
  return `${length / size}${unit}`;
}
const MINUTE = 60_000;
const UNITS = [
  ['d', 24 * 60 * MINUTE],
  ['h', 60 * MINUTE],
] as const;

/** The choices with the present one in its place, when it is none of them. */
export function choicesWith<T>(usual: readonly T[], present: T, size: (choice: T) => number): T[] {
  return usual.includes(present) ? [...usual] : [...usual, present].sort((a, b) => size(a) - size(b));
}

/** `from~to`; numbers may be negative, so the separator is none of their characters. */
function parseRange(text: string | null): Range | null {
  const [from, to, ...rest] = (text ?? '')
    .split('~')
    .map((part) => (part === '' ? Number.NaN : Number(part)));
  if (from === undefined || to === undefined || rest.length > 0) return null;
  return Number.isFinite(from) && Number.isFinite(to) && from < to ? [from, to] : null;
}

const formatRange = (range: Range | null): string =>
  range === null ? '' : range.map((bound) => Number(bound.toPrecision(15))).join('~');

/** Turns a run's selection on or off; a run beyond `MAX_RUNS` is not taken in. */
export function toggleRun(runs: readonly string[], id: string): string[] {
  if (runs.includes(id)) return runs.filter((one) => one !== id);
  return runs.length >= MAX_RUNS ? [...runs] : [...runs, id];
}
