import type { SinkMap, SinkRecord, SinkRun, SinkValue } from '../sink.ts';

/** What of a run goes to one tracker; the rest stays in the journal and in the hub. */
export interface Selection {
  /** Parameters that are left out, at any depth: `api_key` also leaves out `model.api_key`; `model.api_key` only that. */
  readonly configExcludeKeys?: readonly string[];
  /** Only steps whose number is a multiple of this, and all values of validations. Default 1: all. */
  readonly logInterval?: number;
}

export interface Selector {
  run(run: SinkRun): SinkRun;
  /** Undefined: nothing of it is sent. */
  record(record: SinkRecord): SinkRecord | undefined;
}

/** @throws TypeError for an interval that is no whole number from 1 on, and for keys that are no list. */
export function createSelector(selection: Selection): Selector {
  const { configExcludeKeys = [], logInterval = 1 } = selection;
  if (!Number.isSafeInteger(logInterval) || logInterval < 1)
    throw new TypeError(`logInterval must be a whole number of steps from 1 on, got ${String(logInterval)}.`);
  if (!Array.isArray(configExcludeKeys) || configExcludeKeys.some((key) => typeof key !== 'string'))
    throw new TypeError(
      `configExcludeKeys must be a list of keys, such as ['api_key'], got ${JSON.stringify(configExcludeKeys)}.`,
    );
  const excluded = new Set(configExcludeKeys);
  const params = (map: SinkMap): SinkMap => (excluded.size === 0 ? map : without(map, excluded, ''));
  return {
    run: (run) => (excluded.size === 0 ? run : { ...run, params: params(run.params) }),
    record(record) {
      if (record.kind === 'step')
        return record.step % logInterval === 0 || isBesideTraining(record.values) ? record : undefined;
      return record.kind === 'params' && excluded.size > 0
        ? { ...record, params: params(record.params) }
        : record;
    },
  };
}

const BESIDE_TRAINING = /^(val|eval|test|lora)\//;

function isBesideTraining(values: Readonly<Record<string, number>>): boolean {
  return Object.keys(values).some((key) => BESIDE_TRAINING.test(key));
}

function without(map: SinkMap, excluded: ReadonlySet<string>, path: string): SinkMap {
  return Object.fromEntries(
    Object.entries(map)
      .filter(([key]) => !excluded.has(key) && !excluded.has(path + key))
      .map(([key, value]) => [
        key,
        isMap(value) ? (without(value, excluded, `${path}${key}.`) as SinkValue) : value,
      ]),
  );
}

function isMap(value: SinkValue): value is { [key: string]: SinkValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
