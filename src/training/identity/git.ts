import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { maskText } from './command-line.ts';
import { isDirty } from './git-index.ts';

/** What the files of a git repository say; a key is absent when they do not. */
export interface GitState {
  commit?: string;
  branch?: string;
  /** A tracked file differs from the index. What is staged but not committed does not show. */
  dirty?: boolean;
  /** Address of the remote `origin` (else the first), without credentials. */
  remote?: string;
}

/** Reads the repository that holds `cwd`, from its files: no program is started. Empty outside of a repository. */
export async function readGit(cwd: string): Promise<GitState> {
  const found = await findGitDir(cwd);
  if (!found) return {};
  const { gitDir, workTree } = found;
  const common = await commonDir(gitDir);
  const head = (await text(join(gitDir, 'HEAD')))?.trim() ?? '';
  const ref = head.startsWith('ref: ') ? head.slice(5) : undefined;
  const [commit, remote, dirty] = await Promise.all([
    ref === undefined ? Promise.resolve(head) : readRef(gitDir, common, ref),
    readRemote(common),
    isDirty(gitDir, workTree),
  ]);
  return {
    ...(commit && /^[0-9a-f]{40,64}$/.test(commit) ? { commit } : {}),
    ...(ref?.startsWith('refs/heads/') ? { branch: ref.slice('refs/heads/'.length) } : {}),
    ...(dirty === undefined ? {} : { dirty }),
    ...(remote ? { remote } : {}),
  };
}

async function text(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function findGitDir(cwd: string): Promise<{ gitDir: string; workTree: string } | undefined> {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    const path = join(dir, '.git');
    const info = await stat(path).catch(() => undefined);
    if (info?.isDirectory()) return { gitDir: path, workTree: dir };
    if (info?.isFile()) {
      // a worktree or a submodule: the file says where its folder is
      const target = (await text(path))?.match(/^gitdir: (.+)$/m)?.[1]?.trim();
      if (target) return { gitDir: isAbsolute(target) ? target : resolve(dir, target), workTree: dir };
    }
    if (dirname(dir) === dir) return undefined;
  }
}

/** Worktrees share refs and configuration with their main repository. */
async function commonDir(gitDir: string): Promise<string> {
  const target = (await text(join(gitDir, 'commondir')))?.trim();
  return target ? resolve(gitDir, target) : gitDir;
}

async function readRef(gitDir: string, common: string, ref: string): Promise<string | undefined> {
  const loose = (await text(join(gitDir, ref))) ?? (await text(join(common, ref)));
  if (loose) return loose.trim();
  const packed = await text(join(common, 'packed-refs'));
  return packed
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`))
    ?.split(' ')[0];
}

async function readRemote(common: string): Promise<string | undefined> {
  const remotes = new Map<string, string>();
  let section = '';
  for (const line of ((await text(join(common, 'config'))) ?? '').split('\n')) {
    const heading = line.match(/^\s*\[remote "(.+)"\]/);
    if (heading || /^\s*\[/.test(line)) section = heading?.[1] ?? '';
    const url = line.match(/^\s*url\s*=\s*(.+?)\s*$/)?.[1];
    if (section !== '' && url) remotes.set(section, url);
  }
  const url = remotes.get('origin') ?? remotes.values().next().value;
  return url === undefined ? undefined : maskText(url).replace('***@', '');
}
