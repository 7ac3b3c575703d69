import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';

/** Who writes to a folder. A process id alone is reused; with the start time of the process it is not. */
export interface LockOwner {
  pid: number;
  /** Start of the process in clock ticks since boot (Linux), else null. */
  started: string | null;
  /** Boot of the machine (Linux), else null. */
  boot: string | null;
  host: string;
  token: string;
}

/** A process on another machine cannot be looked up: its lock counts for this long after it was last touched. */
const FOREIGN_LOCK_MS = 10 * 60_000;

function lockPath(dir: string): string {
  return join(dir, 'lock');
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** State and start time of a process from /proc; undefined when it is not there (or there is no /proc). */
function processStat(pid: number): { state: string; started: string } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // the command name may hold spaces and brackets: fields are counted from the last bracket (proc_pid_stat(5))
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', started: fields[19] ?? '' };
}

function bootId(): string | null {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
}

/** Who holds the folder; undefined when nobody does or the file cannot be read. */
export function lockOwner(dir: string): LockOwner | undefined {
  const text = readText(lockPath(dir));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as LockOwner;
  } catch {
    return undefined;
  }
}

/** Whether a live process writes to the folder. */
export function isLocked(dir: string, now: number = Date.now()): boolean {
  const owner = lockOwner(dir);
  return owner !== undefined && isAlive(owner, dir, now);
}

function isAlive(owner: LockOwner, dir: string, now: number): boolean {
  if (owner.host !== hostname()) {
    try {
      return now - statSync(lockPath(dir)).mtimeMs < FOREIGN_LOCK_MS;
    } catch {
      return false;
    }
  }
  if (owner.boot !== null && owner.boot !== bootId()) return false;
  const stat = processStat(owner.pid);
  // a zombie is a process that has ended and that nobody has asked about yet
  if (stat) return stat.started === owner.started && stat.state !== 'Z' && stat.state !== 'X';
  if (owner.started !== null) return false;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A held folder. */
export class FolderLock {
  readonly #dir: string;
  readonly #token: string;

  constructor(dir: string, token: string) {
    this.#dir = dir;
    this.#token = token;
  }

  /** Shows processes on other machines that the owner is alive. */
  touch(): void {
    try {
      const now = new Date();
      utimesSync(lockPath(this.#dir), now, now);
    } catch {
      // the folder was removed under us: nothing to show any more
    }
  }

  release(): void {
    if (lockOwner(this.#dir)?.token !== this.#token) return;
    try {
      unlinkSync(lockPath(this.#dir));
    } catch {
      // gone already
    }
  }
}

/**
 * Takes the folder, or gives undefined when a live process holds it. A lock whose process is gone is replaced.
 * Throws when the folder cannot be written to.
 */
export function acquireLock(dir: string): FolderLock | undefined {
  makeFolder(dir);
  const owner: LockOwner = {
    pid: process.pid,
    started: processStat(process.pid)?.started ?? null,
    boot: bootId(),
    host: hostname(),
    token: randomUUID(),
  };
  for (let attempt = 0; attempt < 3; attempt++) {
    if (create(dir, owner)) {
      return new FolderLock(dir, owner.token);
    }
    if (isLocked(dir)) return undefined;
    removeStale(dir);
  }
  return undefined;
}

/** Makes the lock with its content in one step; false when there is one already. */
function create(dir: string, owner: LockOwner): boolean {
  const text = `${JSON.stringify(owner)}\n`;
  const part = `${lockPath(dir)}.${owner.token}`;
  writeFileSync(part, text);
  try {
    linkSync(part, lockPath(dir));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // a file system without hard links: next best, the content follows a moment later
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
  } finally {
    unlinkSync(part);
  }
  try {
    writeFileSync(lockPath(dir), text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a stale lock away; when another process replaced it meanwhile, the new one is put back. */
function removeStale(dir: string): void {
  const seen = lockOwner(dir)?.token;
  const aside = `${lockPath(dir)}.${randomUUID()}`;
  try {
    renameSync(lockPath(dir), aside);
    const moved = readText(aside);
    if (seen !== undefined && moved !== undefined && !moved.includes(seen)) renameSync(aside, lockPath(dir));
    else unlinkSync(aside);
  } catch {
    // somebody else was faster
  }
}
