import { ATTR } from '../../../conventions/index.ts';
import type { JsonNumber, JsonValue, RunArtifact, RunNote, RunValue } from '../../../conventions/index.ts';
import { LIMITS } from '../limits.ts';
import type { Interval } from './intervals.ts';

/** What the store knows of a run beside its series: the row `run.state`, as JSON. */
export interface RunState {
  id: string;
  name: string;
  project: string;
  group: string | null;
  serviceName: string;
  /** Time of the start event; of the first record until that comes. */
  startedAt: number;
  hasStart: boolean;
  updatedAt: number;
  /** Time of the newest record that brought params, tags or source. */
  describedAt: number;
  /** Newest wall clock at which something of the run came. */
  arrival: number;
  attempt: number;
  worldSize: number;
  lastStep: number | null;
  steps: number;
  nonFinite: number;
  histograms: number;
  tags: Record<string, JsonValue>;
  params: Record<string, JsonValue>;
  source: Record<string, JsonValue>;
  summary: Record<string, JsonValue>;
  notes: RunNote[];
  artifacts: RunArtifact[];
  /** What it runs on, as the newest start of its lowest rank says. */
  machine: { rank: number; time: number; facts: Record<string, JsonValue> } | null;
  /** By which other telemetry of its processes is known: values by attribute, the newest last. */
  processes: Record<string, string[]>;
  /** Maps: a user's key may be `__proto__`. */
  ranks: Map<number, RankState>;
  keys: Map<string, KeyState>;
}

export interface RankState {
  seqs: Interval[];
  stored: number;
  instanceId: string;
  /** Of the `llm-otel run` that started it; empty when it was started otherwise. */
  launchId?: string;
  /** How the rank ended, if it did. */
  end: { attempt: number; status: string; interrupted: boolean; time: number } | null;
  /** Identities of records without a sequence number, newest last. */
  unnumbered: string[];
}

export interface KeyState {
  points: number;
  nonFinite: number;
  min: RunValue | null;
  max: RunValue | null;
  last: RunValue;
}

export function newRun(id: string, time: number): RunState {
  return {
    id,
    name: id,
    project: '',
    group: null,
    serviceName: '',
    startedAt: time,
    hasStart: false,
    updatedAt: time,
    describedAt: 0,
    arrival: 0,
    attempt: 1,
    worldSize: 1,
    lastStep: null,
    steps: 0,
    nonFinite: 0,
    histograms: 0,
    tags: {},
    params: {},
    source: {},
    summary: {},
    notes: [],
    artifacts: [],
    machine: null,
    processes: {},
    ranks: new Map(),
    keys: new Map(),
  };
}

export function rankOf(run: RunState, rank: number): RankState {
  let state = run.ranks.get(rank);
  if (state === undefined) {
    state = { seqs: [], stored: 0, instanceId: '', end: null, unnumbered: [] };
    run.ranks.set(rank, state);
  }
  return state;
}

/** Remembers by what a process of the run is known. */
export function noteProcess(run: RunState, attribute: string, value: string): void {
  const known = (run.processes[attribute] ??= []);
  if (known.includes(value)) return;
  known.push(value);
  if (known.length > LIMITS.runProcesses) known.shift();
}

/** Counts one value of a key into its minimum, maximum and last. Out-of-order values do not become the last. */
export function addValue(run: RunState, key: string, step: number | null, time: number, value: number): void {
  const finite = Number.isFinite(value);
  const point: RunValue = { value: finite ? value : (String(value) as JsonNumber), step, time };
  const state = run.keys.get(key);
  if (!finite) run.nonFinite++;
  if (state === undefined) {
    run.keys.set(key, {
      points: 1,
      nonFinite: finite ? 0 : 1,
      min: finite ? point : null,
      max: finite ? point : null,
      last: point,
    });
    return;
  }
  state.points++;
  if (time >= state.last.time) state.last = point;
  if (!finite) {
    state.nonFinite++;
    return;
  }
  if (state.min === null || value < (state.min.value as number)) state.min = point;
  if (state.max === null || value > (state.max.value as number)) state.max = point;
}

/** JSON would turn -0 into 0: the values of the keys are written as the text "-0" then. */
export function writeRun(run: RunState): string {
  const keys = [...run.keys].map(([key, state]) => [key, eachValue(state, writeZero)]);
  return JSON.stringify({ ...run, ranks: [...run.ranks], keys });
}

export function readRun(text: string): RunState {
  const run = JSON.parse(text) as Omit<
    RunState,
    'ranks' | 'keys' | 'processes' | 'machine' | 'histograms'
  > & {
    ranks: [number, RankState][];
    keys: [string, KeyState][];
    processes?: RunState['processes'];
    machine?: RunState['machine'];
    histograms?: number;
  };
  const keys = run.keys.map(([key, state]) => [key, eachValue(state, readZero)] as const);
  const { processes = newestProcesses(run.ranks), machine = null, histograms = 0 } = run;
  return { ...run, processes, machine, histograms, ranks: new Map(run.ranks), keys: new Map(keys) };
}

/** Of a run that an earlier version wrote: the newest process of each rank. */
function newestProcesses(ranks: readonly [number, RankState][]): RunState['processes'] {
  const known = ranks.map(([, { instanceId }]) => instanceId).filter((id) => id !== '');
  return known.length > 0 ? { [ATTR.serviceInstanceId]: [...new Set(known)] } : {};
}

function eachValue(state: KeyState, change: (point: RunValue) => RunValue): KeyState {
  const { min, max, last } = state;
  return { ...state, min: min && change(min), max: max && change(max), last: change(last) };
}

const NEGATIVE_ZERO = '-0' as JsonNumber;

function writeZero(point: RunValue): RunValue {
  return Object.is(point.value, -0) ? { ...point, value: NEGATIVE_ZERO } : point;
}

function readZero(point: RunValue): RunValue {
  return point.value === NEGATIVE_ZERO ? { ...point, value: -0 } : point;
}
