import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireLock, isLocked, lockOwner } from '../../../src/training/journal/lock.ts';
import { temporaryFolder } from '../temporary.ts';

const other = (changes: object): string =>
  JSON.stringify({ pid: 1, started: null, boot: null, host: hostname(), token: 'other', ...changes });

describe('the lock of a journal', () => {
  it('is given once, and again after its release', () => {
    const dir = temporaryFolder();
    const lock = acquireLock(dir);
    expect(lock).toBeDefined();
    expect(isLocked(dir)).toBe(true);
    expect(acquireLock(dir)).toBeUndefined();
    lock?.release();
    expect(isLocked(dir)).toBe(false);
    expect(acquireLock(dir)).toBeDefined();
  });

  it('is taken over from a process that is gone', async () => {
    const dir = temporaryFolder();
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    writeFileSync(join(dir, 'lock'), other({ pid: child.pid }));
    expect(isLocked(dir)).toBe(false);
    const lock = acquireLock(dir);
    expect(lockOwner(dir)?.pid).toBe(process.pid);
    lock?.release();
  });

  it.runIf(process.platform === 'linux')('is not held by another process that got the same id later', () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'lock'), other({ pid: process.ppid, started: '1' }));
    expect(isLocked(dir)).toBe(false);
  });

  it('of a process on another machine counts while it is touched', () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'lock'), other({ host: 'elsewhere' }));
    expect(isLocked(dir)).toBe(true);
    utimesSync(join(dir, 'lock'), 1, 1);
    expect(isLocked(dir)).toBe(false);
  });

  it('that cannot be read does not hold anybody up', () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'lock'), '{"pid":');
    expect(acquireLock(dir)).toBeDefined();
  });

  it('is not released by someone who no longer has it', () => {
    const dir = temporaryFolder();
    const lock = acquireLock(dir);
    writeFileSync(join(dir, 'lock'), other({ pid: process.ppid, host: 'elsewhere' }));
    lock?.release();
    expect(lockOwner(dir)?.host).toBe('elsewhere');
  });
});
