import { ATTR } from '../../conventions/index.ts';
import type { SinkMap, SinkRun, SinkValue } from '../sink.ts';
import { cut, mlflowKey } from './keys.ts';

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** Longest value of a parameter, and of a tag (5000 before MLflow 3): longer ones are cut by the server, silently. */
export const MAX_PARAM = 6000;
export const MAX_TAG = 5000;
/** Parameters, or tags, of one request. */
export const MAX_PAIRS = 100;

/** Tags by which a run is found again. */
export const RUN_ID_TAG = 'llm.run.id';
export const RANK_TAG = 'llm.rank';

/** A value as text: what the Python client would write, JSON for lists and maps. */
export function valueText(value: SinkValue): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value, exact) : String(value);
}

function exact(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** Parameters, nested maps joined by dots, as people write them in a search. */
export function paramPairs(params: SinkMap): KeyValue[] {
  const pairs: KeyValue[] = [];
  const walk = (map: SinkMap, prefix: string): void => {
    for (const [key, value] of Object.entries(map)) {
      if (
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.keys(value).length > 0
      )
        walk(value, `${prefix}${key}.`);
      else pairs.push({ key: mlflowKey(prefix + key), value: cut(valueText(value), MAX_PARAM) });
    }
  };
  walk(params, '');
  return pairs;
}

export function tagPairs(tags: SinkMap): KeyValue[] {
  return Object.entries(tags).map(([key, value]) => tag(mlflowKey(key), valueText(value)));
}

export function tag(key: string, value: string): KeyValue {
  return { key, value: cut(value, MAX_TAG) };
}

/** What makes a run look at home: who, from where, which commit (mlflow/utils/mlflow_tags.py); and ours to find it by. */
export function runTags(run: SinkRun, runName: string, user: string): KeyValue[] {
  const { source } = run;
  const text = (key: string): string | undefined => {
    const value = source[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const wanted: readonly (readonly [string, string | undefined])[] = [
    ['mlflow.runName', runName],
    ['mlflow.user', user],
    ['mlflow.source.name', sourceName(text('command'))],
    ['mlflow.source.type', 'LOCAL'],
    ['mlflow.source.git.commit', text('git.commit')],
    ['mlflow.source.git.branch', text('git.branch')],
    ['mlflow.source.git.repoURL', text('git.remote')],
    [
      'mlflow.source.git.dirty',
      source['git.dirty'] === undefined ? undefined : valueText(source['git.dirty']),
    ],
    [RUN_ID_TAG, run.id],
    [RANK_TAG, String(run.rank)],
    ['llm.run.project', run.project],
    ['llm.run.group', run.group],
    ['llm.world_size', run.worldSize > 1 ? String(run.worldSize) : undefined],
    ['llm.command', text('command')],
    ['host.name', run.host],
    ...Object.entries(run.machine ?? {})
      .filter(([name]) => name !== ATTR.hostName)
      .map(([name, value]) => [name, valueText(value)] as const),
  ];
  return wanted.flatMap(([key, value]) => (value === undefined ? [] : [tag(key, value)]));
}

/** `node train.mjs --lr 1` is `train.mjs`, as the page's Source column shows it. */
function sourceName(command: string | undefined): string | undefined {
  const [program, script] = command?.split(' ') ?? [];
  return script !== undefined && !script.startsWith('-') ? script : program;
}
