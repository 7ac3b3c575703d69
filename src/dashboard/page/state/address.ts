import type { XAxis } from '../series/columns.ts';
import { MAX_SMOOTHING } from '../series/smoothing.ts';

/** Everything that a link to the page says. What equals the default is left out of the address. */
export interface Address {
  view: View;
  window: Window;
  /** Seconds between two updates. */
  refresh: Refresh;
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
export const WINDOWS = { '1h': 3_600_000, '6h': 21_600_000, '24h': 86_400_000, '7d': 604_800_000 } as const;
export type Window = keyof typeof WINDOWS;
export const REFRESHES = [5, 10, 30, 60] as const;
export type Refresh = (typeof REFRESHES)[number];
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

/** Reads an address' query. Whatever is not understood becomes the default: an old link still opens. */
export function parseAddress(query: string): Address {
  const read = new URLSearchParams(query);
  const oneOf = <T extends string | number>(name: string, choices: readonly T[], fallback: T): T =>
    choices.find((choice) => String(choice) === read.get(name)) ?? fallback;
  const smoothing = Number(read.get('smooth') ?? DEFAULTS.smooth);
  return {
    view: oneOf('view', VIEWS, DEFAULTS.view),
    window: oneOf('window', Object.keys(WINDOWS) as Window[], DEFAULTS.window),
    refresh: oneOf('refresh', REFRESHES, DEFAULTS.refresh),
    paused: read.get('paused') === '1',
    runs: [...new Set(read.getAll('run').filter((id) => id !== ''))].slice(0, MAX_RUNS),
    x: oneOf('x', X_AXES, DEFAULTS.x),
    y: oneOf('y', ['linear', 'log'] as const, DEFAULTS.y),
    smooth: Number.isFinite(smoothing) ? Math.min(Math.max(smoothing, 0), MAX_SMOOTHING) : DEFAULTS.smooth,
    zoom: parseRange(read.get('zoom')),
    range: parseRange(read.get('range')),
    latency: oneOf('latency', LATENCIES, DEFAULTS.latency),
    search: read.get('q') ?? DEFAULTS.search,
    trace: read.get('trace') ?? DEFAULTS.trace,
    theme: oneOf('theme', THEMES, DEFAULTS.theme),
  };
}

/** The query of an address, `?` included; empty when everything is at its default. */
export function formatAddress(address: Address): string {
  const write = new URLSearchParams();
  const put = (name: string, value: string | number, fallback: string | number): void => {
    if (value !== fallback) write.set(name, String(value));
  };
  put('view', address.view, DEFAULTS.view);
  for (const id of address.runs) write.append('run', id);
  put('window', address.window, DEFAULTS.window);
  put('refresh', address.refresh, DEFAULTS.refresh);
  put('paused', address.paused ? 1 : 0, 0);
  put('x', address.x, DEFAULTS.x);
  put('y', address.y, DEFAULTS.y);
  put('smooth', address.smooth, DEFAULTS.smooth);
  put('zoom', formatRange(address.zoom), '');
  put('range', formatRange(address.range), '');
  put('latency', address.latency, DEFAULTS.latency);
  put('q', address.search, DEFAULTS.search);
  put('trace', address.trace, DEFAULTS.trace);
  put('theme', address.theme, DEFAULTS.theme);
  const text = write.toString();
  return text === '' ? '' : `?${text}`;
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
