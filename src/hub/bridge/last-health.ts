import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunTracker } from '../../conventions/index.ts';

/** Beside the spool of one rank of a run. */
const HEALTH_FILE = 'health.json';

/**
 * Writes down where the trackers of a rank stand when its run is let go: the page shows it, with the way to the run's
 * page in the tracker, for as long as the folder is there. What was known before and is not now (a sink that was not
 * opened since the hub started knows no address) is kept.
 */
export function keepHealth(folder: string, trackers: readonly RunTracker[]): void {
  const before = new Map(lastHealthOfRank(folder).map((tracker) => [keyOf(tracker), tracker]));
  const kept = trackers.map((tracker): RunTracker => {
    const earlier = before.get(keyOf(tracker));
    if (tracker.status === 'in_process' || !earlier || earlier.status === 'in_process') return tracker;
    return {
      ...tracker,
      url: tracker.url ?? earlier.url,
      lastSentAt: tracker.lastSentAt ?? earlier.lastSentAt,
      lastErrorAt: tracker.lastErrorAt ?? earlier.lastErrorAt,
    };
  });
  const path = join(folder, HEALTH_FILE);
  writeFileSync(`${path}.part`, JSON.stringify(kept));
  renameSync(`${path}.part`, path);
}

/** What was written down of a run's ranks; none for one that never had a tracker. */
export function lastHealth(runFolder: string): RunTracker[] {
  let ranks: string[];
  try {
    ranks = readdirSync(runFolder);
  } catch {
    return [];
  }
  return ranks.flatMap((rank) => lastHealthOfRank(join(runFolder, rank)));
}

function lastHealthOfRank(folder: string): RunTracker[] {
  try {
    const kept: unknown = JSON.parse(readFileSync(join(folder, HEALTH_FILE), 'utf8'));
    return Array.isArray(kept) ? (kept as RunTracker[]) : [];
  } catch {
    // not there, or damaged: it is for showing only
    return [];
  }
}

const keyOf = (tracker: RunTracker): string =>
  tracker.status === 'in_process' ? tracker.sink : `${tracker.sink} ${tracker.target}`;
