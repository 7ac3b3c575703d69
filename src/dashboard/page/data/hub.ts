import { batch, computed, effect, signal } from '@preact/signals';
import type { LiveUpdate, RunSummary, Tile } from '../../../conventions/hub-api.ts';
import { LiveConnection, type LiveState, type LiveStream } from '../live/connection.ts';
import { address } from '../state/view.ts';
import { api, type Watched } from './api.ts';
import { catalogue, setCatalogue } from './catalogue.ts';

/** Keys of the overview's tiles, in their order. Host tiles stand in where no GPU is known. */
export const TILE_KEYS = [
  'train/loss',
  'train/tokens_per_second',
  'api/requests_per_second',
  'api/tokens_per_second',
  'api/time_to_first_token',
  'api/error_rate',
  'gpu_0/memory_utilization',
  'system/memory_percent',
  'system/cpu_percent',
] as const;

export type LivePoints = LiveUpdate['points'][number];

export const runs = signal<readonly RunSummary[]>([]);
export const tiles = signal<readonly Tile[]>([]);
/** False until the first answer of the hub: "nothing there" can only be said after it. */
export const loaded = signal(false);
export const loadError = signal<string | null>(null);
export const liveState = signal<LiveState>({ kind: 'stopped' });
/** Grows with each update that is shown; what reads metrics re-reads on it. */
export const tick = signal(0);
/** Grows when series must be read anew, since points were left out. */
export const resync = signal(0);
/** Points that came while paused. */
export const heldPoints = signal(0);
/** Hub's clock minus this browser's, ms. Ages are told by the hub's clock. */
export const clockOffset = signal(0);

export const runsById = computed(() => new Map(runs.value.map((run) => [run.id, run])));

/** Training tiles follow the selection: the first run of it that there is. */
const watched = computed<Watched>(() => {
  const { runs: selected, window } = address.value;
  const known = loaded.value ? selected.find((id) => runsById.value.has(id)) : selected[0];
  return { keys: TILE_KEYS, window, run: known };
});

/** Most updates kept while paused; beyond it everything is read anew on resume. */
const MOST_HELD = 500;
let held: LiveUpdate[] = [];
let heldTooMany = false;

const pointListeners = new Set<(points: readonly LivePoints[]) => void>();
/** Calls back with new points of runs that are to be shown now. Returns the way to stop. */
export function onPoints(listener: (points: readonly LivePoints[]) => void): () => void {
  pointListeners.add(listener);
  return () => pointListeners.delete(listener);
}

function show(update: LiveUpdate, missed: boolean): void {
  batch(() => {
    clockOffset.value = update.now - Date.now();
    if (update.runs.length > 0) runs.value = mergeRuns(runs.peek(), update.runs);
    if (update.tiles.length > 0) tiles.value = mergeTiles(tiles.peek(), update.tiles);
    for (const listener of pointListeners) listener(update.points);
    if (missed) resync.value += 1;
    tick.value += 1;
  });
}

const mergeRuns = (before: readonly RunSummary[], changed: readonly RunSummary[]): RunSummary[] => {
  const byId = new Map(before.map((run) => [run.id, run]));
  for (const run of changed) byId.set(run.id, run);
  return [...byId.values()];
};
const mergeTiles = (before: readonly Tile[], changed: readonly Tile[]): Tile[] => {
  const byKey = new Map(before.map((tile) => [tile.key, tile]));
  for (const tile of changed) byKey.set(tile.key, tile);
  return [...byKey.values()];
};

function receive(update: LiveUpdate, missed: boolean): void {
  if (!address.peek().paused) {
    show(update, missed);
    return;
  }
  heldPoints.value += update.points.reduce((sum, points) => sum + points.time.length, 0);
  if (missed || held.length >= MOST_HELD) heldTooMany = true;
  else held.push(update);
}

/** Shows what came while paused. */
function release(): void {
  const updates = held;
  const missed = heldTooMany;
  held = [];
  heldTooMany = false;
  heldPoints.value = 0;
  if (missed) {
    void reload();
    return;
  }
  batch(() => {
    for (const update of updates) show(update, false);
  });
}

/** Reads runs and tiles anew, and has every chart read its data anew. */
export async function reload(): Promise<void> {
  try {
    const [newRuns, newTiles, entries] = await Promise.all([
      api.runs(),
      api.tiles(watched.peek()),
      catalogue.peek().size > 0 ? undefined : api.catalogue(),
    ]);
    batch(() => {
      if (entries !== undefined) setCatalogue(entries);
      runs.value = newRuns.runs;
      tiles.value = newTiles.tiles;
      loaded.value = true;
      loadError.value = null;
      resync.value += 1;
      tick.value += 1;
    });
  } catch (error) {
    loadError.value = error instanceof Error ? error.message : String(error);
  }
}

/** Reads the tiles anew: another run is selected. */
async function reloadTiles(): Promise<void> {
  const asked = watched.peek();
  try {
    const answer = await api.tiles(asked);
    const { window, run } = watched.peek();
    if (window === asked.window && run === asked.run) tiles.value = answer.tiles;
  } catch (error) {
    loadError.value = error instanceof Error ? error.message : String(error);
  }
}

function openStream(interval: number): LiveStream {
  const source = new EventSource(api.liveAddress(interval, watched.peek()));
  const stream: LiveStream = {
    onOpen: undefined,
    onUpdate: undefined,
    onError: undefined,
    close: () => source.close(),
  };
  source.addEventListener('open', () => stream.onOpen?.());
  source.addEventListener('error', () => stream.onError?.());
  source.addEventListener('update', (event) => {
    stream.onUpdate?.(JSON.parse((event as MessageEvent<string>).data) as LiveUpdate);
  });
  return stream;
}

/**
 * Starts the page's data: first read, then the live stream. The stream is closed while the page is hidden, since
 * a browser grants one origin about six connections over all its tabs, and a hidden page shows nothing.
 */
export function startHub(): void {
  let started = false;
  const connection = new LiveConnection(
    {
      openStream,
      poll: (cursor) => api.delta(cursor, watched.peek()),
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      random: Math.random,
      now: Date.now,
    },
    {
      state: (state) => {
        liveState.value = state;
        // The first read waits for the stream to be open (or refused): no point can fall between the two.
        const first =
          !started && (state.kind === 'live' || state.kind === 'polling' || state.kind === 'waiting');
        if (first || (state.kind === 'live' && loadError.peek() !== null)) void reload();
        started ||= first;
      },
      update: receive,
    },
    address.peek().refresh,
  );
  let { window, run } = watched.peek();
  let wasPaused = address.peek().paused;
  connection.start();
  effect(() => {
    const { refresh, paused } = address.value;
    const next = watched.value;
    connection.setInterval(refresh);
    if (next.window !== window || next.run !== run) {
      const all = next.window !== window;
      ({ window, run } = next);
      connection.start();
      void (all ? reload() : reloadTiles());
    }
    if (wasPaused && !paused) release();
    wasPaused = paused;
  });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) connection.stop();
    else connection.start();
  });
}
