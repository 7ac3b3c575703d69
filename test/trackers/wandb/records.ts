import type { Histogram, SinkContext, SinkRecord, SinkRun, SinkState } from '../../../src/trackers/index.ts';

/** When the runs of the tests start; milliseconds since the epoch. */
export const START = Date.UTC(2026, 10, 24, 12, 0, 0);

export function runOf(more: Partial<SinkRun> = {}): SinkRun {
  return {
    id: 'k3v9x1',
    name: 'night-run',
    project: 'my-llm',
    group: 'g1',
    rank: 0,
    worldSize: 1,
    attempt: 1,
    startedAt: START,
    params: { lr: 0.1, model: { layers: 3, name: 'x' }, list: [1, 2] },
    tags: { debug: true, team: 'a', quiet: false },
    source: {
      command: 'node train.mjs --lr 0.1',
      node: 'v24.0.0',
      'git.commit': 'a'.repeat(40),
      'git.remote': 'https://example.com/me/llm.git',
    },
    host: 'gpu-1',
    ...more,
  };
}

export function step(
  seq: number,
  number: number,
  values: Record<string, number>,
  epoch?: number,
): SinkRecord {
  return { kind: 'step', seq, time: START + seq * 1000, step: number, epoch, values };
}

export function histogram(seq: number, number: number, name: string, bins: Histogram): SinkRecord {
  const place = { seq, time: START + seq * 1000, step: number, epoch: undefined };
  return { kind: 'histogram', ...place, name, histogram: bins };
}

/** A context that keeps what it is told. */
export function contextOf(state?: SinkState): SinkContext & { warnings: string[]; stops: string[] } {
  const warnings: string[] = [];
  const stops: string[] = [];
  return {
    state: state === undefined ? undefined : (JSON.parse(JSON.stringify(state)) as SinkState),
    warnings,
    stops,
    warn: (message) => void warnings.push(message),
    requestStop: (reason) => void stops.push(reason),
  };
}
