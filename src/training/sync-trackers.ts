import { join } from 'node:path';
import {
  readTrackers,
  RunForwarders,
  SINKS_FILE,
  SinkCursorFile,
  type SinkHealth,
  type Tracker,
  type TrackerOptions,
} from '../trackers/index.ts';
import { JournalForwardSource } from './delivery/forward-source.ts';

export interface SyncTrackersInputs {
  dir: string;
  run: string;
  rank: number;
  attempt: number;
  lastSeq: number;
  env: Readonly<Record<string, string | undefined>>;
  patience: number;
  onTrouble: (message: string) => void;
}

/** Long enough for any journal; a tracker that hangs is given up by its forwarder. */
const NO_LIMIT_MS = 2 ** 31 - 1;

/**
 * Sends a journal to the trackers that its process had not finished with: they are noted beside it, without secrets,
 * which come from the environment again. Gives those that lacked something, and where they stand now.
 */
export async function syncTrackers(inputs: SyncTrackersInputs): Promise<SinkHealth[]> {
  const { dir, run, rank, attempt, lastSeq, env, patience, onTrouble } = inputs;
  const cursors = new SinkCursorFile(join(dir, SINKS_FILE));
  const trackers: Tracker[] = [];
  for (const { key, progress, tracker } of cursors.described()) {
    if (progress.seq >= lastSeq) continue;
    try {
      trackers.push(
        ...readTrackers([{ ...tracker, ranks: 'all', onSinkError: 'spool' } as TrackerOptions], {
          env,
          warn: onTrouble,
        }),
      );
    } catch (error) {
      onTrouble(
        `${key} cannot be reached as it was: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  if (trackers.length === 0) return [];
  const forwarders = new RunForwarders({
    trackers,
    run: { id: run, rank },
    source: () => new JournalForwardSource(dir, attempt),
    cursors,
    head: () => lastSeq,
    onTrouble,
    onProgress: () => forwarders.save(),
  });
  const health = await forwarders.drain({ milliseconds: NO_LIMIT_MS, patience });
  await forwarders.stop();
  return health;
}
