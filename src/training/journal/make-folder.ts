import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

type Mkdir = (path: string, options: { recursive?: boolean }) => unknown;

/**
 * Makes a folder and those above it. Not `mkdirSync(path, {recursive: true})`: Node's (24.21) never returns where a
 * folder that is there takes no new ones and says ENOENT, as a working directory that was removed does, and /proc.
 *
 * @throws what `mkdirSync` throws, when the folder cannot be made; not when it is there
 */
export function makeFolder(path: string, mkdir: Mkdir = mkdirSync): void {
  if (!made(path, mkdir)) {
    makeFolder(dirname(path), mkdir);
    mkdirOrThere(path, mkdir);
  }
}

/** False when the folder above is missing. */
function made(path: string, mkdir: Mkdir): boolean {
  try {
    mkdirOrThere(path, mkdir);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return false;
  }
}

/** What is there but is no folder is told by the first file that is to be made in it. */
function mkdirOrThere(path: string, mkdir: Mkdir): void {
  try {
    mkdir(path, {});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
