import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunTracker } from '../../conventions/index.ts';
import { replaceFile } from './replace-file.ts';

/** Beside the spool of one rank of a run. */
const HEALTH_FILE = 'health.json';

/**
 * Writes down where the trackers of a rank stand: the page shows it, with the way to the run's page in the tracker, for
 * as long as the folder is there, also when the run was let go.
 */
export function keepHealth(folder: string, trackers: readonly RunTracker[]): void {
  replaceFile(join(folder, HEALTH_FILE), JSON.stringify(trackers));
}

/** With what was written down and is not known now: a sink that was not opened since the hub started has no address. */
export function withKept(folder: string, trackers: readonly RunTracker[]): RunTracker[] {
  const before = new Map(lastHealthOfRank(folder).map((tracker) => [keyOf(tracker), tracker]));
  return trackers.map((tracker): RunTracker => {
    const earlier = before.get(keyOf(tracker));
    if (tracker.status === 'in_process' || !earlier || earlier.status === 'in_process') return tracker;
    return {
      ...tracker,
      url: tracker.url ?? earlier.url,
      lastSentAt: tracker.lastSentAt ?? earlier.lastSentAt,
      lastErrorAt: tracker.lastErrorAt ?? earlier.lastErrorAt,
    };
  });
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
