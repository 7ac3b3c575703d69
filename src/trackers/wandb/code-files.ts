import { sourceSnapshot } from '../source-code/snapshot.ts';
import type { SinkRun } from '../sink.ts';

/**
 * What `log_code` adds to the run's files: the sources below `code/`, and `diff.patch` (what git does not have). Only
 * in the run's own process, since nowhere else is its code known to be here.
 */
export async function codeFiles(
  run: SinkRun,
  warn: (message: string) => void,
): Promise<{ path: string; bytes: Uint8Array | string }[]> {
  if (run.pid !== process.pid) {
    warn('log_code: the code is where the run is, not here; the state of git goes with the run.');
    return [];
  }
  const { files, patch, left } = await sourceSnapshot(process.cwd());
  if (left > 0) warn(`log_code: ${left} source files were left out (too many, or too large).`);
  return [
    ...files.map(({ path, bytes }) => ({ path: `code/${path}`, bytes })),
    ...(patch === undefined ? [] : [{ path: 'diff.patch', bytes: patch }]),
  ];
}
