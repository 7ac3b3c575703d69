import * as fs from 'node:fs';
import * as path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreOpenError } from './open-error.ts';

/**
 * One process a data directory. SQLite's own file lock on a small database beside the real one: the system lets
 * it go when the process dies, however it dies, which a file with a process id in it cannot promise.
 */
export function lockDirectory(directory: string): { release(): void } {
  const holder = path.join(directory, 'lock.pid');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path.join(directory, 'lock.db'), { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === 5) {
      throw new StoreOpenError(
        `The data directory ${directory} is in use by another hub${heldBy(holder)}. Stop it, or choose another ` +
          'directory (hub.data_dir).',
        { cause: error },
      );
    }
    throw new StoreOpenError(
      `The data directory ${directory} cannot be locked: ${error instanceof Error ? error.message : String(error)}. ` +
        'Is it writable, and on a local disk?',
      { cause: error },
    );
  }
  const held = database;
  fs.writeFileSync(holder, `${process.pid}\n`);
  return {
    release(): void {
      fs.rmSync(holder, { force: true });
      held.close();
    },
  };
}

function heldBy(holder: string): string {
  try {
    return ` (process ${fs.readFileSync(holder, 'utf8').trim()})`;
  } catch {
    return '';
  }
}
