export type Environment = Readonly<Record<string, string | undefined>>;

export interface Rank {
  rank: number;
  worldSize: number;
  /** All ranks run on this machine, as far as the launcher says. */
  oneMachine: boolean;
}

/** Variables in which a launcher tells a process its place. The first row whose rank is set counts. */
export const RANK_VARIABLES: readonly {
  readonly launcher: string;
  readonly rank: string;
  readonly worldSize: readonly string[];
  readonly localSize: string;
}[] = [
  {
    launcher: 'torchrun, accelerate, deepspeed',
    rank: 'RANK',
    worldSize: ['WORLD_SIZE'],
    localSize: 'LOCAL_WORLD_SIZE',
  },
  {
    launcher: 'Slurm (srun)',
    rank: 'SLURM_PROCID',
    // of the job step first: in a batch script without srun SLURM_NTASKS is what was asked for, not what runs
    worldSize: ['SLURM_STEP_NUM_TASKS', 'SLURM_NTASKS', 'SLURM_NPROCS'],
    localSize: 'SLURM_NTASKS_PER_NODE',
  },
  {
    launcher: 'Open MPI',
    rank: 'OMPI_COMM_WORLD_RANK',
    worldSize: ['OMPI_COMM_WORLD_SIZE'],
    localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
  },
  { launcher: 'MPICH, Intel MPI', rank: 'PMI_RANK', worldSize: ['PMI_SIZE'], localSize: 'MPI_LOCALNRANKS' },
  { launcher: 'PMIx', rank: 'PMIX_RANK', worldSize: ['PMIX_SIZE'], localSize: 'PMIX_LOCAL_SIZE' },
];

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

/** Rank and world size: the options, else the launcher's variables, else 0 of 1. */
export function readRank(env: Environment, given: { rank?: number; worldSize?: number } = {}): Rank {
  const row = RANK_VARIABLES.find((variables) => whole(env[variables.rank]) !== undefined);
  const rank = given.rank ?? (row ? whole(env[row.rank]) : undefined) ?? 0;
  const size = row?.worldSize.map((name) => whole(env[name])).find((value) => value !== undefined);
  const worldSize = Math.max(given.worldSize ?? size ?? 1, rank + 1);
  const local = row ? whole(env[row.localSize]) : undefined;
  return { rank, worldSize, oneMachine: local !== undefined && local === worldSize };
}
