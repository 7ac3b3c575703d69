import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { maskArguments, maskText } from '../../../src/training/identity/command-line.ts';
import { readGit } from '../../../src/training/identity/git.ts';
import { readRank } from '../../../src/training/identity/rank.ts';
import { defaultName, resolveRunId, type RunIdInputs } from '../../../src/training/identity/run-id.ts';
import { temporaryFolder } from '../temporary.ts';

describe('rank and world size', () => {
  it.each([
    [{}, 0, 1],
    [{ RANK: '3', WORLD_SIZE: '8' }, 3, 8],
    [{ SLURM_PROCID: '1', SLURM_NTASKS: '2' }, 1, 2],
    [{ SLURM_PROCID: '0', SLURM_NTASKS: '16', SLURM_STEP_NUM_TASKS: '1' }, 0, 1],
    [{ OMPI_COMM_WORLD_RANK: '5', OMPI_COMM_WORLD_SIZE: '6' }, 5, 6],
    [{ PMI_RANK: '1', PMI_SIZE: '4' }, 1, 4],
    [{ RANK: 'x', SLURM_PROCID: '2', SLURM_NTASKS: '4' }, 2, 4],
    [{ RANK: '2' }, 2, 3],
  ])('of %o are %i of %i', (env, rank, worldSize) => {
    expect(readRank(env)).toMatchObject({ rank, worldSize });
  });
  it('are those of the options first', () => {
    expect(readRank({ RANK: '3', WORLD_SIZE: '8' }, { rank: 0, worldSize: 2 })).toMatchObject({
      rank: 0,
      worldSize: 2,
    });
  });
});

describe('the id of a run', () => {
  const inputs = (changes: Partial<RunIdInputs>): RunIdInputs => ({
    project: 'p',
    rank: readRank(changes.env ?? {}),
    env: {},
    earlier: () => 0,
    parent: undefined,
    ...changes,
  });
  const of = (changes: Partial<RunIdInputs>) => resolveRunId(inputs(changes));

  it('is the option, else LLM_OTEL_RUN_ID, else random', () => {
    expect(of({ id: 'mine', env: { LLM_OTEL_RUN_ID: 'env' } })).toEqual({ id: 'mine', from: 'option' });
    expect(of({ env: { LLM_OTEL_RUN_ID: 'env' } })).toEqual({ id: 'env', from: 'environment' });
    expect(of({}).id).not.toBe(of({}).id);
  });

  it('is the same in all ranks of a job, and another one for other jobs, steps, names and later runs', () => {
    const env = (rank: number, more = {}) => ({
      SLURM_JOB_ID: '7',
      SLURM_PROCID: String(rank),
      SLURM_NTASKS: '2',
      ...more,
    });
    const first = of({ env: env(0) });
    expect(first.from).toBe('launcher');
    expect(of({ env: env(1) })).toEqual(first);
    const others = [
      of({ env: env(0, { SLURM_JOB_ID: '8' }) }),
      of({ env: env(0, { SLURM_STEP_ID: '1' }) }),
      of({ env: env(0), name: 'other' }),
      of({ env: env(0), earlier: () => 1 }),
    ].map(({ id }) => id);
    expect(new Set([first.id, ...others]).size).toBe(5);
  });

  it('does not trust the id that every torchrun job has, but its launcher on one machine', () => {
    const env = { RANK: '0', WORLD_SIZE: '2', LOCAL_WORLD_SIZE: '2', TORCHELASTIC_RUN_ID: 'none' };
    expect(of({ env, parent: 'boot 1 2' }).from).toBe('launcher');
    expect(of({ env, parent: 'boot 1 2' }).id).not.toBe(of({ env, parent: 'boot 1 3' }).id);
    const apart = of({ env: { ...env, LOCAL_WORLD_SIZE: '1' }, parent: 'boot 1 2' });
    expect(apart).toMatchObject({ from: 'random', warning: expect.stringContaining('LLM_OTEL_RUN_ID') });
  });

  it('gives every rank the same name', () => {
    expect(defaultName('abc')).toBe(defaultName('abc'));
    expect(defaultName('abc')).toMatch(/^[a-z]+-[a-z]+-[0-9a-f]{4}$/);
  });
});

describe('the command line', () => {
  it('is kept without its secrets', () => {
    expect(
      maskArguments([
        '--lr=3e-4',
        '--api-key=abc',
        '--token',
        'abc',
        '--hf-token',
        'abc',
        'WANDB_API_KEY=abc',
        '--openaiApiKey=abc',
        '--password',
        'abc',
        '--max-tokens',
        '100',
        '--tokenizer',
        'bpe',
        'https://user:pw@host/path',
        'sk-abcdefghijklmnop',
        '--data=hf_abcdefghijklmnop',
        '--keyframes=3',
      ]),
    ).toEqual([
      '--lr=3e-4',
      '--api-key=***',
      '--token',
      '***',
      '--hf-token',
      '***',
      'WANDB_API_KEY=***',
      '--openaiApiKey=***',
      '--password',
      '***',
      '--max-tokens',
      '100',
      '--tokenizer',
      'bpe',
      'https://***@host/path',
      '***',
      '--data=***',
      '--keyframes=3',
    ]);
  });
  it('masks keys by their looks in any text', () => {
    expect(maskText('see ghp_abcdefghijklmnopqrstuvwx and AKIAABCDEFGHIJKLMNOP')).toBe('see *** and ***');
  });
});

const hasGit = ((): boolean => {
  try {
    execFileSync('git', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.runIf(hasGit)('the state of a git repository', () => {
  function repository(): { dir: string; git: (...args: string[]) => string } {
    const dir = temporaryFolder();
    const git = (...args: string[]): string =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
        cwd: dir,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { PATH: process.env['PATH'], HOME: dir, GIT_CONFIG_NOSYSTEM: '1' },
      }).trim();
    git('init', '-q', '-b', 'trunk');
    mkdirSync(join(dir, 'sub'));
    writeFileSync(join(dir, 'a.txt'), 'one');
    writeFileSync(join(dir, 'sub', 'long name é.txt'), 'two');
    git('add', '.');
    git('commit', '-q', '-m', 'first');
    return { dir, git };
  }

  it('is read from its files, from a subfolder and a worktree too, without credentials', async () => {
    const { dir, git } = repository();
    git('remote', 'add', 'upstream', 'https://example.com/up.git');
    git('remote', 'add', 'origin', 'https://user:secret@example.com/r.git');
    const commit = git('rev-parse', 'HEAD');
    const state = { commit, branch: 'trunk', dirty: false, remote: 'https://example.com/r.git' };
    expect(await readGit(join(dir, 'sub'))).toEqual(state);
    git('pack-refs', '--all');
    expect(await readGit(dir)).toEqual(state);
    git('worktree', 'add', '-q', '-b', 'side', join(dir, 'tree'));
    expect(await readGit(join(dir, 'tree'))).toEqual({ ...state, branch: 'side' });
    git('checkout', '-q', '--detach');
    expect(await readGit(dir)).toEqual({ commit, dirty: false, remote: state.remote });
  });

  it('is dirty when a tracked file was changed or removed, not when it was only touched', async () => {
    const { dir } = repository();
    const path = join(dir, 'a.txt');
    utimesSync(path, 1_000_000, 1_000_000);
    expect((await readGit(dir)).dirty).toBe(false);
    writeFileSync(path, 'two');
    utimesSync(path, 1_000_000, 1_000_000);
    expect((await readGit(dir)).dirty).toBe(true);
    writeFileSync(path, 'one');
    utimesSync(path, 1_000_000, 1_000_000);
    expect((await readGit(dir)).dirty).toBe(false);
    rmSync(path);
    expect((await readGit(dir)).dirty).toBe(true);
  });

  it('is empty outside of a repository', async () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, '.git'), 'not a repository');
    expect(await readGit(dir)).toEqual({});
  });
});
