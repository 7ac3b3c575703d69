import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';

/**
 * Puts a text in the place of a file: whoever reads, also after the process was killed, sees the old text or the new one.
 * `forced`: after a power cut too.
 */
export function replaceFile(path: string, text: string, forced = false): void {
  const part = `${path}.part`;
  writeFileSync(part, text);
  if (forced) {
    const file = openSync(part, 'r');
    fsyncSync(file);
    closeSync(file);
  }
  renameSync(part, path);
}
