import type { Tile } from '../../conventions/index.ts';
import { type Reading, shared } from '../query/reading.ts';
import { tile } from '../query/tile.ts';

/** Tiles of those who name none: what a person asks first. */
export const OVERVIEW_KEYS: readonly string[] = [
  'train/loss',
  'train/tokens_per_second',
  'api/requests_per_second',
  'api/tokens_per_second',
  'api/time_to_first_token',
  'api/error_rate',
  'gpu_0/memory_utilization',
  'system/memory_percent',
  'system/cpu_percent',
];

export interface TileRequest {
  /** The overview's when absent. */
  keys?: readonly string[] | undefined;
  /** Length of the window, which ends at the time that is given, ms. */
  window: number;
  /** The run that training keys are taken from; see `tile` when absent. */
  run?: string | undefined;
}

export interface TileBoard {
  /** Tiles at a time (ms since the epoch). Who asks for the same tile at the same time shares one evaluation. */
  tiles(request: TileRequest, now: number): Promise<Tile[]>;
}

/** Windows up to this long (ms) are evaluated anew each time; a ten-thousandth of a longer one may go by first. */
const ALWAYS_ANEW = 6 * 3_600_000;
const LONGEST_HOLD = 60_000;
/** Evaluations kept before the old ones are forgotten. */
const MOST_KEPT = 1000;

export function createTileBoard(store: Reading): TileBoard {
  const kept = new Map<string, { now: number; tile: Promise<Tile> }>();
  return {
    tiles({ keys = OVERVIEW_KEYS, window, run }, now) {
      const hold = window <= ALWAYS_ANEW ? 0 : Math.min(LONGEST_HOLD, window / 10_000);
      const reading = shared(store);
      if (kept.size > MOST_KEPT) kept.clear();
      return Promise.all(
        keys.map((key) => {
          const id = JSON.stringify([key, window, run]);
          const before = kept.get(id);
          if (before && Math.abs(now - before.now) <= hold) return before.tile;
          const evaluated = tile(key, reading, { from: now - window, to: now }, run);
          kept.set(id, { now, tile: evaluated });
          // A failed read is told to those who wait for it, and tried again by the next.
          evaluated.catch(() => {
            if (kept.get(id)?.tile === evaluated) kept.delete(id);
          });
          return evaluated;
        }),
      );
    },
  };
}
