import { createHash } from 'node:crypto';
import { machineOf } from '../machine.ts';
import type { SinkMap, SinkRun, SinkValue } from '../sink.ts';
import type { WandbSettings } from './config.ts';

const RESERVED = /[/\\#?%:]/g;
const MAX_RUN_ID = 64;
const MAX_NAME = 128;
const MAX_TAG = 64;

/** W&B's id of a run: ours, of rank 0; the other ranks are runs of their own. Names no project may have are changed. */
export function wandbRunId(run: SinkRun, settings: WandbSettings): string {
  const id = settings.runId ?? run.id;
  return shortened((run.rank === 0 ? id : `${id}-rank-${run.rank}`).replaceAll(RESERVED, '-'), MAX_RUN_ID);
}

export function wandbProject(run: SinkRun, settings: WandbSettings): string {
  return shortened(
    (settings.project ?? (run.project || 'uncategorized')).replaceAll(RESERVED, '-'),
    MAX_NAME,
  );
}

/** Ranks of one run belong together even when nobody named a group. */
export function wandbGroup(run: SinkRun, settings: WandbSettings): string | undefined {
  const group = settings.group ?? run.group ?? (run.worldSize > 1 && run.rank > 0 ? run.name : undefined);
  return group === undefined ? undefined : shortened(group, MAX_NAME);
}

/** W&B's tags are words: `debug: true` is "debug", `team: "a"` is "team:a"; what is false, null or empty is no tag. */
export function wandbTags(tags: SinkMap): string[] {
  const words = Object.entries(tags)
    .filter(([, value]) => value !== false && value !== null && value !== '')
    .map(([key, value]) => (value === true ? key : `${key}:${textOf(value)}`))
    .filter((word) => word !== '');
  return [...new Set(words.map((word) => shortened(word, MAX_TAG)))];
}

/** Cut to a limit with a part of its hash at the end, so that two long ones do not become one. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return `${text.slice(0, limit - 9)}-${hash}`;
}

/**
 * Parameters as a config holds them. It has no NaN and no infinities (W&B's own client makes them null): they become
 * the words "NaN", "Infinity", "-Infinity".
 */
export function configValue(value: SinkValue): SinkValue {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map(configValue);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, configValue(item)]));
  return value;
}

/** What W&B shows of where a run comes from (its `wandb-metadata.json`). */
export interface RunMetadata {
  readonly [key: string]: SinkValue;
}

export function runMetadata(run: SinkRun, settings: WandbSettings): RunMetadata {
  const { source } = run;
  const text = (key: string): string | undefined =>
    typeof source[key] === 'string' ? source[key] : undefined;
  const [program, ...args] = commandParts(text('command'));
  const remote = text('git.remote');
  const commit = text('git.commit');
  const git =
    remote === undefined && commit === undefined
      ? undefined
      : { ...(remote === undefined ? {} : { remote }), ...(commit === undefined ? {} : { commit }) };
  return {
    startedAt: new Date(run.startedAt).toISOString(),
    ...(run.host === undefined ? {} : { host: run.host }),
    ...(program === undefined ? {} : { program, args }),
    ...(text('node') === undefined ? {} : { executable: `node ${text('node')}` }),
    ...(git === undefined ? {} : { git }),
    ...(settings.jobType === undefined ? {} : { job_type: settings.jobType }),
    ...machineFacts(run),
    writerId: run.id,
  };
}

/** By the names of W&B's EnvironmentRecord (wandb/proto/wandb_internal.proto, 0.31); 64-bit numbers are texts there. */
function machineFacts(run: SinkRun): RunMetadata {
  const { system, cpuModel, cpus, memory, gpus, cudaVersion } = machineOf(run);
  const [gpu] = gpus;
  return {
    ...(system !== undefined && { os: system }),
    ...(cpus !== undefined && { cpu_count_logical: cpus }),
    ...((cpuModel ?? cpus) !== undefined && {
      cpu: {
        ...(cpus !== undefined && { countLogical: cpus }),
        ...(cpuModel !== undefined && { model: cpuModel }),
      },
    }),
    ...(memory !== undefined && { memory: { total: String(memory) } }),
    ...(gpu !== undefined && { gpu, gpu_count: gpus.length }),
    ...(gpus.some((name) => name.startsWith('NVIDIA')) && { gpu_nvidia: gpus.map((name) => ({ name })) }),
    ...(cudaVersion !== undefined && { cudaVersion }),
  };
}

/** `node train.mjs --lr 1`: the program and what was given to it. */
function commandParts(command: string | undefined): string[] {
  const parts = (command ?? '').split(' ').filter((part) => part !== '');
  return parts[0] !== undefined && /^node(\.exe)?$/.test(parts[0]) ? parts.slice(1) : parts;
}

function textOf(value: SinkValue): string {
  return typeof value === 'string' ? value : JSON.stringify(configValue(value));
}
