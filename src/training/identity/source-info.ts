import { basename } from 'node:path';
import type { PlainMap } from '../journal/record.ts';
import { maskArguments } from './command-line.ts';
import { readGit } from './git.ts';

/** A start must not wait for a slow file system. */
const MAX_WAIT_MS = 500;

/** Where a run comes from: `git.*`, the command line without secrets, Node's version, the folder's name. Never rejects. */
export async function readSourceInfo(cwd: string, argv: readonly string[]): Promise<PlainMap> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), MAX_WAIT_MS);
  });
  const git = await Promise.race([readGit(cwd).catch(() => undefined), late]);
  clearTimeout(timer);
  const [node = 'node', script = '', ...rest] = argv;
  const source: PlainMap = {
    command: [basename(node), script === '' ? script : basename(script), ...maskArguments(rest)]
      .join(' ')
      .trim(),
    node: process.version,
    cwd: basename(cwd),
  };
  for (const [key, value] of Object.entries(git ?? {})) source[`git.${key}`] = value;
  return source;
}
