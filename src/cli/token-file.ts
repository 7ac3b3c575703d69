import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the file in the data directory that holds the token of a hub that made its own. */
export const TOKEN_FILE = 'hub.token';

/**
 * Writes the token of a running hub to a file that only its user can read, so that it is in no log, and in no list
 * of processes. What was there before (of a hub that was killed) is removed first: a link would lead elsewhere.
 *
 * @returns the path, and how to take the file away when the hub ends: the token ends with it
 */
export function writeTokenFile(dataDir: string, token: string): { path: string; remove: () => void } {
  const path = join(dataDir, TOKEN_FILE);
  const remove = () => rmSync(path, { force: true });
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  remove();
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, `${token}\n`);
  } finally {
    closeSync(file);
  }
  return { path, remove };
}
