import { parentProcess } from './identity/parent-process.ts';
import type { Rank } from './identity/rank.ts';
import { defaultName, randomId, resolveRunId } from './identity/run-id.ts';
import { rankFolder } from './journal/folder.ts';
import { acquireLock, type FolderLock } from './journal/lock.ts';
import { hasJournal, newestRun, type Past, readPast } from './journal/past.ts';
import type { StartRunOptions } from './run-options.ts';
import { ATTR } from '../conventions/index.ts';

/** A run that this process may write, and where it goes on. */
export interface Claim {
  id: string;
  name: string;
  attempt: number;
  firstSeq: number;
  lastStep: number;
  totalTokens: number;
  /** Undefined when the journal's folder cannot be written. */
  lock: FolderLock | undefined;
  /** The run that was to be resumed, when that is not possible. */
  resumedFrom: string | undefined;
}

export interface ClaimInputs {
  options: StartRunOptions;
  env: Readonly<Record<string, string | undefined>>;
  rank: Rank;
  journalDir: string;
  tell: (message: string) => void;
}

/** Runs that this process has started, by where their id came from. */
const started = new Map<string, number>();

/**
 * Finds the run's id, takes its folder, and reads where its journal ended. Records are known by (id, rank, seq): an
 * id must not be used twice from `seq` 0, or receivers would take new records for old ones. So an id that a live
 * process holds, or whose journal is not here, is not used: the run gets another one, and says so.
 */
export async function claimRun(inputs: ClaimInputs): Promise<Claim> {
  const { options, rank, journalDir, tell } = inputs;
  const wanted = await wantedId(inputs);
  let { id } = wanted;
  let past: Past | undefined;
  let lock: FolderLock | undefined;
  try {
    lock = acquireLock(rankFolder(journalDir, id, rank.rank));
    if (!lock) {
      const taken = id;
      id = randomId();
      tell(
        `Run ${taken} (rank ${rank.rank}) is being written by another process; this run is recorded as ${id}. Give every process its own rank (RANK and WORLD_SIZE) or its own id.`,
      );
      lock = acquireLock(rankFolder(journalDir, id, rank.rank));
    }
    past = await readPast(rankFolder(journalDir, id, rank.rank));
  } catch {
    // the first write will say what is wrong with the disk, and be tried again
  }
  return {
    id,
    name: options.name ?? (past?.resource[ATTR.runName] as string | undefined) ?? defaultName(id),
    attempt: (past?.attempt ?? 0) + 1,
    firstSeq: (past?.lastSeq ?? -1) + 1,
    lastStep: past?.lastStep ?? -1,
    totalTokens: past?.totalTokens ?? 0,
    lock,
    resumedFrom: wanted.resumedFrom,
  };
}

async function wantedId(inputs: ClaimInputs): Promise<{ id: string; resumedFrom?: string }> {
  const { options, env, rank, journalDir, tell } = inputs;
  const { resume } = options;
  if (typeof resume === 'string' && resume !== '') {
    if (await hasJournal(journalDir, resume).catch(() => false)) return { id: resume };
    const id = randomId();
    tell(
      `Run ${resume} cannot be resumed: its journal is not in ${journalDir}, and without it new records would be taken for those it has. This run is recorded as ${id}, with the tag resumed_from.`,
    );
    return { id, resumedFrom: resume };
  }
  if (resume === true) {
    const id = await newestRun(journalDir, options).catch(() => undefined);
    if (id !== undefined) return { id };
  }
  const identity = resolveRunId({
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(options.name === undefined ? {} : { name: options.name }),
    project: options.project,
    rank,
    env,
    parent: parentProcess(),
    earlier: (source) => {
      const earlier = started.get(source) ?? 0;
      started.set(source, earlier + 1);
      return earlier;
    },
  });
  if (identity.warning) tell(identity.warning);
  return { id: identity.id };
}
