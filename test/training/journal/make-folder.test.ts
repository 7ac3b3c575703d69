import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../../src/training/journal/make-folder.ts';
import { temporaryFolder } from '../temporary.ts';

const failure = (code: string): Error => Object.assign(new Error(code), { code });

describe('the folder of a journal', () => {
  it('is made with those above it, and may be there already', () => {
    const path = join(temporaryFolder(), 'a', 'b', 'c');
    makeFolder(path);
    makeFolder(path);
    expect(existsSync(path)).toBe(true);
  });

  it('below a file is an error', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(() => makeFolder(join(file, 'a', 'b'))).toThrow('ENOTDIR');
  });

  it.each([
    ['says that it is missing (a removed working directory, /proc)', 'ENOENT'],
    ['may not be written', 'EACCES'],
  ])('in one that is there and %s is an error, not an endless loop', (_, code) => {
    const mkdir = (path: string): void => {
      throw failure(path === '/there' || path === '/' ? 'EEXIST' : code);
    };
    expect(() => makeFolder('/there/a/b', mkdir)).toThrow(code);
  });
});
