import { type Signal, signal } from '@preact/signals';
import { columnsOf, type SeriesColumns, type XAxis } from '../series/columns.ts';
import { foldPoints } from '../series/fold.ts';
import type { Range } from '../state/address.ts';
import { api } from './api.ts';
import { type LivePoints, onPoints } from './hub.ts';

/** One line of a run chart. `rank` absent: all ranks merged. */
export interface SeriesSource {
  run: string;
  key: string;
  rank?: number;
  startedAt: number;
}
/** How the lines are read: the axis, the zoom, and how many columns of pixels there are to fill. */
export interface Reading {
  axis: XAxis;
  zoom: Range | null;
  columns: number;
  /** Ask for every point, as far as that is affordable: smoothing wants the whole series. */
  whole: boolean;
}
export interface SeriesState {
  columns: SeriesColumns | null;
  loading: boolean;
  error: string | null;
}

/** A series of up to this many points is read whole when smoothing asks for it (about 3 MB of JSON). */
export const MOST_WHOLE = 100_000;

/**
 * A run's series that a chart shows: read once, then kept up by the points of the live stream. It reads anew
 * only when the reading changes (zoom, axis, size) or when live points cannot be placed.
 */
export class RunSeries {
  readonly state: Signal<SeriesState> = signal<SeriesState>({ columns: null, loading: true, error: null });
  readonly #source: SeriesSource;
  #reading: Reading | undefined;
  #abort: AbortController | undefined;
  #stop: (() => void) | undefined;
  /** Live points that arrived while a read was under way; folded in after it. */
  #early: LivePoints[] = [];

  constructor(source: SeriesSource) {
    this.#source = source;
  }

  /** Reads when the reading has changed or `force` says so. */
  read(reading: Reading, force = false): void {
    this.#stop ??= onPoints((points) => this.#take(points));
    if (!force && this.#reading !== undefined && sameReading(this.#reading, reading)) return;
    this.#reading = reading;
    void this.#load(reading);
  }

  dispose(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#abort?.abort();
    this.#reading = undefined;
  }

  async #load(reading: Reading): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#early = [];
    this.state.value = { ...this.state.peek(), loading: true };
    const { startedAt: _startedAt, ...line } = this.#source;
    const query = {
      ...line,
      x: reading.axis,
      ...bounds(reading),
      maxPoints: reading.columns * 4,
    };
    try {
      let answer = await api.series(query, abort.signal);
      if (reading.whole && answer.reduced && answer.total <= MOST_WHOLE) {
        answer = await api.series({ ...query, maxPoints: 0 }, abort.signal);
      }
      if (abort.signal.aborted) return;
      this.#abort = undefined;
      this.state.value = { columns: columnsOf(answer), loading: false, error: null };
      const early = this.#early;
      this.#early = [];
      this.#take(early);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#abort = undefined;
      this.state.value = {
        ...this.state.peek(),
        loading: false,
        error: error instanceof Error ? error.message : String(error),
      };
    }
  }

  #take(all: readonly LivePoints[]): void {
    const { run, key, rank, startedAt } = this.#source;
    const reading = this.#reading;
    const mine = all.filter((p) => p.run === run && p.key === key && (rank === undefined || p.rank === rank));
    if (mine.length === 0 || reading === undefined) return;
    if (this.#abort !== undefined) {
      this.#early.push(...mine);
      return;
    }
    const before = this.state.peek();
    // A zoomed chart ends before the newest points: they are not its own.
    if (before.columns === null || reading.zoom !== null) return;
    let columns = before.columns;
    let reread = false;
    const options = { axis: reading.axis, startedAt, columnWidth: columnWidth(columns, reading, startedAt) };
    for (const points of mine) {
      const folded = foldPoints(columns, points, options);
      columns = folded.columns;
      reread ||= folded.reread;
    }
    this.state.value = { ...before, columns };
    // Twice the columns asked for: the axis has grown so far that columns are much finer than a pixel.
    const grown = !reading.whole && columns.time.length > reading.columns * 8;
    if (reread || grown) void this.#load(reading);
  }
}

function bounds({ axis, zoom }: Reading): { from?: number; to?: number } {
  if (zoom === null) return {};
  const [from, to] = zoom;
  if (axis === 'step') return { from: Math.floor(from), to: Math.ceil(to) };
  return { from: Math.floor(from * 1000), to: Math.ceil(to * 1000) };
}

function columnWidth(columns: SeriesColumns, { axis, columns: count }: Reading, startedAt: number): number {
  if (!columns.reduced) return 0;
  const end = columns.time.length - 1;
  const first = axis === 'step' ? (columns.step[0] ?? 0) : (columns.time[0] ?? 0) / 1000;
  const last = axis === 'step' ? (columns.step[end] ?? 0) : (columns.time[end] ?? 0) / 1000;
  return startedAt >= 0 && count > 0 ? (last - first) / count : 0;
}

const sameReading = (a: Reading, b: Reading): boolean =>
  a.axis === b.axis &&
  a.columns === b.columns &&
  a.whole === b.whole &&
  a.zoom?.[0] === b.zoom?.[0] &&
  a.zoom?.[1] === b.zoom?.[1];
