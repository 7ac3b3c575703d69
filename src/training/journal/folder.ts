import { join } from 'node:path';

/**
 * A run id as a folder name: whatever a file system or a shell could take amiss is percent-encoded. The true id is in
 * every segment's header.
 */
export function runFolder(journalDir: string, runId: string): string {
  const name = encodeURIComponent(runId).replaceAll('*', '%2A').replace(/^\./, '%2E');
  return join(journalDir, name);
}

/** The folder of one rank's records: segments, `cursor.json`, `lock`. */
export function rankFolder(journalDir: string, runId: string, rank: number): string {
  return join(runFolder(journalDir, runId), String(rank));
}
