import { createHash } from 'node:crypto';
import type { SinkMap, SinkRun, SinkValue } from '../sink.ts';
import type { CometSettings } from './config.ts';

/** Comet's limits (comet.com/docs, "Experiment limits"): characters. */
export const MAX_KEY = 100;
export const MAX_VALUE = 1000;
const MAX_PROJECT = 99;
const EXPERIMENT_KEY = /^[a-zA-Z0-9]{32,50}$/;

/** Key of the experiment: the run's id when it has the form of one, else made of it; each rank has its own. */
export function experimentKey(run: SinkRun, settings: CometSettings): string {
  if (settings.experimentKey !== undefined && run.rank === 0) return settings.experimentKey;
  const id = settings.experimentKey ?? run.id;
  if (run.rank === 0 && EXPERIMENT_KEY.test(id)) return id;
  return createHash('sha256').update(`${id}/${run.rank}`).digest('hex').slice(0, 32);
}

export function projectName(run: SinkRun, settings: CometSettings): string {
  return shortened(settings.projectName ?? (run.project || 'general'), MAX_PROJECT);
}

/** `debug: true` is "debug", `team: "a"` is "team:a"; what is false, null or empty is no tag. */
export function cometTags(tags: SinkMap): string[] {
  return Object.entries(tags)
    .filter(([, value]) => value !== false && value !== null && value !== '')
    .map(([key, value]) => shortened(value === true ? key : `${key}:${valueText(value)}`, MAX_KEY))
    .filter((tag) => tag !== '');
}

/** Cut to a limit with a part of its hash at the end, so that two long names do not become one. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return `${text.slice(0, limit - 9)}-${hash}`;
}

export interface Parameter {
  readonly name: string;
  readonly value: string | number | boolean;
  /** The value was longer than Comet keeps. */
  readonly cut: boolean;
}

/** Parameters as Comet's own client names nested ones: `model|layers`. A list is its JSON. */
export function parametersOf(params: SinkMap, prefix = ''): Parameter[] {
  return Object.entries(params).flatMap(([key, value]) => {
    const name = prefix === '' ? key : `${prefix}|${key}`;
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0)
      return parametersOf(value, name);
    return [parameter(name, value)];
  });
}

/** Comet's client notes nested parameters in this entry; its page shows them as a tree then. */
export const NESTED = 'hasNestedParams';

export function hasNested(params: SinkMap): boolean {
  return Object.values(params).some(
    (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0,
  );
}

function parameter(name: string, value: SinkValue): Parameter {
  const short = shortened(name, MAX_KEY);
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)))
    return { name: short, value, cut: false };
  const text = valueText(value);
  return { name: short, value: text.slice(0, MAX_VALUE), cut: text.length > MAX_VALUE };
}

/** A value as text: non-finite numbers by their names, everything else that is no text as JSON. */
export function valueText(value: SinkValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? String(item) : item,
  );
}

/** Comet has no NaN in JSON either: it takes the words. */
export function metricValue(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
