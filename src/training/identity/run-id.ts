import { createHash, randomBytes } from 'node:crypto';
import { ENV } from '../../conventions/index.ts';
import type { Environment, Rank } from './rank.ts';

export interface RunIdentity {
  id: string;
  /** Where the id comes from: an option, a variable, the launcher (derived), or chance. */
  from: 'option' | 'environment' | 'launcher' | 'random';
  /** A multi-rank run without a shared id: each rank is a run of its own. */
  warning?: string;
}

/**
 * Variables of a launcher that name the job to all of its processes: the first group whose first variable is set
 * counts; the others tell apart what runs within one job, and its restarts.
 */
const JOB_VARIABLES: readonly (readonly string[])[] = [
  ['TORCHELASTIC_RUN_ID', 'TORCHELASTIC_RESTART_COUNT'],
  ['SLURM_JOB_ID', 'SLURM_STEP_ID', 'SLURM_RESTART_COUNT'],
  ['PMIX_NAMESPACE'],
  ['OMPI_MCA_ess_base_jobid'],
];
/** What torchrun says when no id was given to it: every job has the same. */
const NO_JOB = new Set(['', 'none']);

export interface RunIdInputs {
  id?: string;
  project: string;
  name?: string;
  rank: Rank;
  env: Environment;
  /** How many runs this process has started with the same source of the id before this one. */
  earlier: (source: string) => number;
  /** Tells the parent process from any other (all ranks of a machine have the same); undefined when unknown. */
  parent: string | undefined;
}

/**
 * The id that all ranks of a job share: the option, LLM_OTEL_RUN_ID, or what launchers share, hashed with project
 * and name. The second run of a process gets another one than the first, the same in every rank.
 */
export function resolveRunId(inputs: RunIdInputs): RunIdentity {
  if (inputs.id) return { id: inputs.id, from: 'option' };
  const fixed = inputs.env[ENV.runId.name]?.trim();
  if (fixed) {
    const earlier = inputs.earlier(`environment ${fixed}`);
    return { id: earlier === 0 ? fixed : `${fixed}-${earlier + 1}`, from: 'environment' };
  }
  if (inputs.rank.worldSize === 1) return { id: randomId(), from: 'random' };
  const job = jobOf(inputs);
  if (job === undefined) {
    return {
      id: randomId(),
      from: 'random',
      warning: `This is rank ${inputs.rank.rank} of ${inputs.rank.worldSize}, and nothing tells the ranks a shared run id: each becomes a run of its own. Set ${ENV.runId.name} to the same value for all of them (or the option id).`,
    };
  }
  const source = [job, inputs.project, inputs.name ?? ''].join('\u0000');
  const hash = createHash('sha256')
    .update(`${source}\u0000${inputs.earlier(source)}`)
    .digest('hex');
  return { id: hash.slice(0, 20), from: 'launcher' };
}

function jobOf({ env, rank, parent }: RunIdInputs): string | undefined {
  const group = JOB_VARIABLES.find(([first]) => !NO_JOB.has(env[first as string]?.trim() ?? ''));
  if (group) return group.map((name) => `${name}=${env[name] ?? ''}`).join(' ');
  // one launcher on one machine has started all ranks: its process is what they share
  if (rank.oneMachine && parent !== undefined) return `${parent} ${env['TORCHELASTIC_RESTART_COUNT'] ?? ''}`;
  return undefined;
}

/** 20 hexadecimal characters: W&B and MLflow-sized, no two alike (80 bits). */
export function randomId(): string {
  return randomBytes(10).toString('hex');
}

const ADJECTIVES = [
  'amber',
  'brisk',
  'calm',
  'daring',
  'eager',
  'fair',
  'gentle',
  'happy',
  'keen',
  'lively',
  'mellow',
  'noble',
  'quiet',
  'rapid',
  'solar',
  'vivid',
];
const NOUNS = [
  'anchor',
  'beacon',
  'cedar',
  'delta',
  'ember',
  'falcon',
  'glacier',
  'harbor',
  'island',
  'jasper',
  'lagoon',
  'meadow',
  'otter',
  'prairie',
  'river',
  'summit',
];

/** A name for a run that was not given one, made from its id so that all ranks have the same. */
export function defaultName(id: string): string {
  const hash = createHash('sha256').update(id).digest();
  const word = (words: string[], byte: number): string =>
    words[(hash[byte] as number) % words.length] as string;
  return `${word(ADJECTIVES, 0)}-${word(NOUNS, 1)}-${hash.toString('hex', 2, 4)}`;
}
