import type { SinkArtifact, SinkContext, SinkRecord, SinkRun } from '../../../src/trackers/index.ts';
import type { LocalOptions } from '../../../src/trackers/local/config.ts';
import { localPlatform } from '../../../src/trackers/local/index.ts';
import type { RunSink } from '../../../src/trackers/index.ts';

export const STARTED = Date.UTC(2026, 10, 24, 12);

export function aRun(facts: Partial<SinkRun> = {}): SinkRun {
  return {
    id: 'run-1',
    name: 'first',
    project: 'llm',
    group: undefined,
    rank: 0,
    worldSize: 1,
    attempt: 1,
    startedAt: STARTED,
    params: { lr: 0.1 },
    tags: { fast: true },
    source: { commit: 'abc' },
    host: 'box',
    pid: 7,
    ...facts,
  };
}

/** A step whose values tell its number. */
export function aStep(seq: number, values?: Record<string, number>): SinkRecord {
  return {
    kind: 'step',
    seq,
    time: STARTED + seq,
    step: seq,
    epoch: undefined,
    values: values ?? { 'train/loss': 1 / seq },
  };
}

/** An entry of a journal that is two records: parameters and tags of a resumed run. */
export function aStart(seq: number): SinkRecord[] {
  const place = { seq, time: STARTED + seq };
  return [
    { kind: 'params', ...place, params: { [`p${seq}`]: seq } },
    { kind: 'tags', ...place, tags: { [`t${seq}`]: true } },
  ];
}

export function anArtifact(seq: number, facts: Partial<SinkArtifact>): SinkArtifact {
  return {
    seq,
    time: STARTED + seq,
    name: 'model.bin',
    kind: 'model',
    path: '/nowhere',
    size: 0,
    sha256: '',
    metadata: {},
    ...facts,
  };
}

export function localSink(options: LocalOptions, warnings: string[] = []): RunSink {
  const context = { env: {}, warn: (message: string) => warnings.push(message) };
  return localPlatform.createSink(options, context) as RunSink;
}

export function aContext(warnings: string[] = []): SinkContext {
  return { state: undefined, warn: (message) => warnings.push(message), requestStop: () => {} };
}
