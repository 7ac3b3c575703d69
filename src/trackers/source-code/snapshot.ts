import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface SourceFile {
  /** Below the program's folder, with `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface SourceSnapshot {
  readonly files: readonly SourceFile[];
  /** What differs from the last commit; undefined outside of git or when nothing does. */
  readonly patch: string | undefined;
  /** Files that were left out since there were too many, or too large ones. */
  readonly left: number;
}

const EXTENSIONS = /\.(?:[cm]?[jt]sx?|py|sh|json|ya?ml|toml)$/;
/** Locks are long and say nothing; settings may hold secrets. */
const NOT_SOURCE = /^(?:package-lock\.json|.*\.lock|.*secret.*|.*credential.*)$/i;
const NOT_ENTERED = new Set([
  'node_modules',
  'dist',
  'build',
  'coverage',
  'wandb',
  'mlruns',
  '__pycache__',
  'venv',
]);
const MAX_FILES = 300;
const MAX_FILE_BYTES = 512 * 1024;
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_DEPTH = 8;
const GIT_WAIT_MS = 5000;

/** The source files of a program's folder and the state of git beside them. Never rejects; hidden files stay out. */
export async function sourceSnapshot(root: string): Promise<SourceSnapshot> {
  const files: SourceFile[] = [];
  let size = 0;
  let left = 0;
  const enter = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) {
        if (!NOT_ENTERED.has(entry.name) && depth < MAX_DEPTH) await enter(path, depth + 1);
      } else if (entry.isFile() && EXTENSIONS.test(entry.name) && !NOT_SOURCE.test(entry.name)) {
        const length = (await stat(join(root, path)).catch(() => undefined))?.size ?? 0;
        if (length > MAX_FILE_BYTES || size + length > MAX_BYTES || files.length >= MAX_FILES) {
          left++;
          continue;
        }
        const bytes = await readFile(join(root, path)).catch(() => undefined);
        if (!bytes) continue;
        files.push({ path, bytes });
        size += bytes.length;
      }
    }
  };
  await enter('', 0);
  return { files, left, patch: await gitPatch(root) };
}

function gitPatch(root: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(
      'git',
      ['diff', '--no-ext-diff', '--no-color', 'HEAD'],
      { cwd: root, timeout: GIT_WAIT_MS, maxBuffer: MAX_BYTES },
      (error, stdout) => resolve(error || stdout === '' ? undefined : stdout),
    );
  });
}
