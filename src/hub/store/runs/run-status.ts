import type { RunDetail, RunStatus, RunSummary } from '../../../conventions/index.ts';
import { sizeOfIntervals } from './intervals.ts';
import type { RankState, RunState } from './run-state.ts';

/** Of several ranks the worst end is the run's. */
const WORST_FIRST: readonly string[] = ['failed', 'killed', 'interrupted', 'finished'];

export interface Liveness {
  now: number;
  interruptedAfterMs: number;
  /** Newest arrival of anything by `service.instance.id`. */
  instances: ReadonlyMap<string, number>;
  /** When the hub was last known to live before this start of it, and when it started. */
  stoppedAt: number;
  openedAt: number;
}

/**
 * How a run stands.
 * - The lowest rank's end of the newest attempt ends the run; its status is the worst among the ranks that ended.
 *   An end that says `llm.run.interrupted` (a sync found the process gone) counts as interrupted.
 * - Without an end: running, until nothing has come of it or of its processes for `interruptedAfterMs` of wall
 *   clock.
 */
export function runStatus(run: RunState, live: Liveness): { status: RunStatus; endedAt: number | null } {
  const lowest = lowestRank(run);
  const end = lowest?.end;
  if (end && end.attempt >= run.attempt) {
    const ends = [...run.ranks.values()].flatMap((rank) =>
      rank.end !== null && rank.end.attempt >= run.attempt ? [rank.end] : [],
    );
    const statuses = new Set(ends.map((one) => (one.interrupted ? 'interrupted' : one.status)));
    const status = WORST_FIRST.find((candidate) => statuses.has(candidate)) ?? 'finished';
    return { status: status as RunStatus, endedAt: Math.max(...ends.map((one) => one.time)) };
  }
  let seen = run.arrival;
  for (const rank of run.ranks.values()) seen = Math.max(seen, live.instances.get(rank.instanceId) ?? 0);
  // A run that was alive when the hub went down had nobody to tell: its silence begins with the hub's start.
  if (live.stoppedAt - seen <= live.interruptedAfterMs) seen = Math.max(seen, live.openedAt);
  const silent = live.now - seen > live.interruptedAfterMs;
  return { status: silent ? 'interrupted' : 'running', endedAt: null };
}

function lowestRank(run: RunState): RankState | undefined {
  const [lowest] = rankNumbers(run);
  return lowest === undefined ? undefined : run.ranks.get(lowest);
}

function rankNumbers(run: RunState): number[] {
  return [...run.ranks.keys()].sort((a, b) => a - b);
}

export function runSummary(run: RunState, live: Liveness): RunSummary {
  const { status, endedAt } = runStatus(run, live);
  return {
    id: run.id,
    name: run.name,
    project: run.project,
    group: run.group,
    status,
    startedAt: run.startedAt,
    updatedAt: run.updatedAt,
    endedAt,
    attempt: run.attempt,
    worldSize: run.worldSize,
    ranks: rankNumbers(run),
    lastStep: run.lastStep,
    steps: run.steps,
    nonFinite: run.nonFinite,
    tags: run.tags,
    last: Object.fromEntries(Array.from(run.keys, ([key, state]) => [key, state.last])),
    serviceName: run.serviceName,
  };
}

export function runDetail(run: RunState, live: Liveness): RunDetail {
  return {
    ...runSummary(run, live),
    params: run.params,
    source: run.source,
    summary: run.summary,
    keys: Array.from(run.keys, ([key, state]) => ({ key, ...state })),
    notes: run.notes.toSorted((a, b) => a.time - b.time),
    artifacts: run.artifacts.toSorted((a, b) => a.time - b.time),
    histograms: run.histograms,
    records: rankNumbers(run).map((rank) => {
      const { seqs, stored, instanceId } = run.ranks.get(rank)!;
      const highestSeq = seqs.at(-1)?.[1] ?? -1;
      return {
        rank,
        stored,
        highestSeq,
        missing: highestSeq + 1 - sizeOfIntervals(seqs),
        serviceInstanceId: instanceId,
      };
    }),
    machine: run.machine?.facts ?? {},
    processes: run.processes,
    sinks: [],
  };
}
