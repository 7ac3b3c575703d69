import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDetail, SeriesResponse } from '../../src/conventions/index.ts';
import { type Hub, startHub } from '../../src/hub/index.ts';
import { createEventExporter, InstrumentRegistry } from '../../src/telemetry/index.ts';
import { startRun } from '../../src/training/index.ts';
import { example, pythonOrSkip } from './python-environment.ts';

/** A run that the Python example sends and one that this package records look alike to whoever reads the hub. */
const python = await pythonOrSkip('runs of Python and Node side by side');
const STEPS = 130;

describe.skipIf(python === undefined)('runs of Python and of Node in the hub', () => {
  let folder: string;
  let hub: Hub;
  let fromPython: RunDetail;
  let fromNode: RunDetail;
  const get = async <T>(path: string) => (await (await fetch(hub.url + path)).json()) as T;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-otel-alike-'));
    hub = await startHub({ port: 0, otlpPort: false, dataDir: join(folder, 'data') });
    await promisify(execFile)(python as string, [example('train.py'), '--steps', String(STEPS)], {
      env: {
        ...process.env,
        OTEL_EXPORTER_OTLP_ENDPOINT: hub.url,
        PYTHONDONTWRITEBYTECODE: '1',
        NO_PROXY: '127.0.0.1',
      },
    });
    const run = await startRun({
      project: 'examples',
      name: 'node',
      params: { learning_rate: 0.2, optimizer: { name: 'sgd', schedule: 'cosine' } },
      tags: { language: 'node', example: true },
      journalDir: join(folder, 'journal'),
      exporter: createEventExporter({ endpoint: hub.url, env: {} }),
      instruments: new InstrumentRegistry(),
      env: { OTEL_SDK_DISABLED: 'true' },
    });
    for (let step = 0; step < STEPS; step++) {
      const loss = step === 120 ? Number.NaN : 2 / (step + 1);
      run.step(
        { 'train/loss': loss, 'train/learning_rate': 0.1, 'train/grad_norm': loss, 'train/step_time': 0.001 },
        { step, epoch: step / 64 },
      );
      if ((step + 1) % 50 === 0) run.validation({ loss: 0.5, accuracy: 0.9 }, { step });
    }
    run.note('Training is done; the weights are not kept.');
    await run.finish('finished', { 'train/loss': 0.1 });
    const { runs } = await get<{ runs: RunDetail[] }>('/api/runs?project=examples');
    expect(runs).toHaveLength(2);
    const [one, other] = await Promise.all(runs.map(({ id }) => get<RunDetail>(`/api/runs/${id}`)));
    [fromPython, fromNode] = (one?.name === 'node' ? [other, one] : [one, other]) as [RunDetail, RunDetail];
  });
  afterAll(async () => {
    await hub.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('have the same facts', () => {
    expect(Object.keys(fromPython).toSorted()).toEqual(Object.keys(fromNode).toSorted());
    const facts = ({ status, attempt, worldSize, ranks, lastStep, project }: RunDetail) => ({
      status,
      attempt,
      worldSize,
      ranks,
      lastStep,
      project,
    });
    expect(facts(fromPython)).toEqual(facts(fromNode));
    expect(facts(fromPython)).toMatchObject({ status: 'finished', lastStep: STEPS - 1 });
    for (const { records } of [fromPython, fromNode])
      expect(records).toMatchObject([{ rank: 0, missing: 0 }]);
    for (const run of [fromPython, fromNode]) {
      expect(run.params).toMatchObject({
        learning_rate: 0.2,
        optimizer: { name: 'sgd', schedule: 'cosine' },
      });
      expect(run.tags).toMatchObject({ example: true });
      expect(run.notes.some(({ text }) => text.startsWith('Training is done'))).toBe(true);
      expect(run.summary['train/loss']).toBeTypeOf('number');
    }
  });

  it('have the same keys; this package derives perplexity beside them', () => {
    const keys = (run: RunDetail) =>
      run.keys.map(({ key }) => key).filter((key) => !key.endsWith('/perplexity'));
    expect(keys(fromPython).toSorted()).toEqual(keys(fromNode).toSorted());
    expect(fromNode.keys.map(({ key }) => key)).toContain('train/perplexity');
  });

  it('have series of the same form, with the NaN at its step', async () => {
    const series = ({ id }: RunDetail) =>
      get<SeriesResponse>(`/api/runs/${id}/series?key=train/loss&x=step&maxPoints=0`);
    const [one, other] = await Promise.all([series(fromPython), series(fromNode)]);
    expect(Object.keys(one).toSorted()).toEqual(Object.keys(other).toSorted());
    expect(one.step).toEqual(other.step);
    for (const { value, nonFinite } of [one, other]) {
      expect(value[120]).toBe('NaN');
      expect(nonFinite.map(({ step }) => step)).toEqual([120]);
      expect(value.filter((each) => typeof each === 'number')).toHaveLength(STEPS - 1);
    }
  });
});
