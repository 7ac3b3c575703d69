/**
 * Runs in a real MLflow server, read back through its API. LLM_OTEL_REAL_LONG=1 makes the long form: 100,000 steps.
 */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENT } from '../../src/conventions/index.ts';
import { readJournal, startRun, type StartRunOptions } from '../../src/training/index.ts';
import { rankFolder } from '../../src/training/journal/folder.ts';
import { stepOf } from '../../src/training/journal/record.ts';
import { startFlakyProxy } from './mlflow/flaky-proxy.ts';
import { type MlflowPoint, MlflowServer } from './mlflow/server.ts';
import { realPythonOrSkip } from './python-environment.ts';

const python = realPythonOrSkip('MLflow');
const LONG = process.env['LLM_OTEL_REAL_LONG'] === '1';
const STEPS = LONG ? 100_000 : 2000;
const KEYS = 10;

/** A small generator of random numbers, so that a failure can be repeated (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** What MLflow gives back for a value: NaN stays, an infinity is the largest double. */
function stored(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value + 0);
  return String(value > 0 ? Number.MAX_VALUE : -Number.MAX_VALUE);
}
const identity = ({ step, timestamp, value }: MlflowPoint): string => `${step} ${timestamp} ${Number(value)}`;

describe.skipIf(python === undefined)('a run in MLflow', () => {
  let dir: string;
  let server: MlflowServer;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'llm-otel-mlflow-'));
    mkdirSync(join(dir, 'server'));
    server = await MlflowServer.start(python as string, join(dir, 'server'));
  });
  afterAll(async () => {
    await server?.kill();
    rmSync(dir, { recursive: true, force: true });
  });

  const start = (options: Partial<StartRunOptions>): ReturnType<typeof startRun> =>
    startRun({
      project: 'mlflow-test',
      journalDir: join(dir, 'journal'),
      exporter: false,
      gauges: false,
      slowStepFactor: 0,
      env: { ...process.env, OTEL_SDK_DISABLED: 'true' },
      sinkBackOff: { firstMs: 20, maxMs: 500, random: Math.random },
      ...options,
    });

  /** Identities of a key's values as the journal has them. */
  async function recorded(runId: string): Promise<Map<string, Set<string>>> {
    const keys = new Map<string, Set<string>>();
    for await (const { record } of readJournal(rankFolder(join(dir, 'journal'), runId, 0))) {
      if (record.event !== EVENT.trainingStep) continue;
      for (const [key, value] of Object.entries(record.body)) {
        const points = keys.get(key) ?? new Set();
        points.add(`${stepOf(record)} ${Math.floor(record.time)} ${stored(value as number)}`);
        keys.set(key, points);
      }
    }
    return keys;
  }

  async function runOf(experiment: string, id: string): Promise<string> {
    const found = (await server.get('experiments/get-by-name', { experiment_name: experiment })) as {
      experiment: { experiment_id: string };
    };
    const { runs = [] } = (await server.post('runs/search', {
      experiment_ids: [found.experiment.experiment_id],
      filter: `tags.\`llm.run.id\` = '${id}'`,
    })) as { runs?: { info: { run_id: string } }[] };
    expect(runs).toHaveLength(1);
    return runs[0]?.info.run_id ?? '';
  }

  it(`of ${STEPS} steps × ${KEYS} values arrives whole and equal while the server is killed twice and fails at random`, {
    timeout: LONG ? 2_400_000 : 110_000,
  }, async () => {
    const random = seeded(7);
    const restarts: Promise<void>[] = [];
    // requests at which the server is killed: about a third and two thirds of the way
    const requests = (STEPS * KEYS) / 1000;
    const killAt = new Set([Math.ceil(requests / 3), Math.ceil((2 * requests) / 3)]);
    const proxy = await startFlakyProxy(server.port, random, {
      rate: LONG ? 0.04 : 0.2,
      onPassed: (count) => {
        if (!killAt.delete(count)) return;
        restarts.push(server.kill().then(() => server.start()));
      },
    });
    const run = await start({
      params: { lr: 3e-4 },
      trackers: [{ platform: 'mlflow', trackingUri: proxy.url, experimentName: 'storm' }],
      finishTimeout: LONG ? 1_000_000 : 90_000,
    });
    for (let index = 0; index < STEPS; index++) {
      const values: Record<string, number> = {};
      for (let key = 0; key < KEYS; key++) values[`train/k${key}`] = random() * 10 - 5;
      if (index % 50 === 0) values['train/k0'] = Number.NaN;
      if (index % 70 === 0) values['train/k1'] = Infinity;
      if (index % 90 === 0) values['train/k2'] = -Infinity;
      if (index % 110 === 0) values['train/k3'] = -0;
      // now and then a step comes twice, or one of long ago comes again
      const step = index % 40 === 39 ? index - 1 : index % 500 === 499 ? index - 400 : index;
      run.step(values, { step });
      if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    // the forwarder's patience is for a tracker that stays away; this one comes back
    let stats = run.stats();
    do {
      await run.flush();
      stats = run.stats();
    } while (stats.trackers[0]?.status !== 'current' && stats.trackers[0]?.status !== 'given_up');
    await run.finish();
    await Promise.all(restarts);
    expect(restarts).toHaveLength(2);
    expect(proxy.counts.failedBefore).toBeGreaterThan(0);
    expect(proxy.counts.failedAfter).toBeGreaterThan(0);
    await proxy.close();
    expect(run.stats().trackers[0]).toMatchObject({ status: 'current', lag: 0, refused: 0 });

    const mlflowId = await runOf('storm', run.id);
    const expected = await recorded(run.id);
    expect(expected.size).toBeGreaterThanOrEqual(KEYS);
    for (const [key, points] of expected) {
      const got = await server.history(mlflowId, key);
      expect(new Set(got.map(identity)), key).toEqual(points);
      expect(got, `${key}: each point once`).toHaveLength(points.size);
    }
    const { info, data } = await server.run(mlflowId);
    expect(info.status).toBe('FINISHED');
    expect(data.params).toEqual([{ key: 'lr', value: '0.0003' }]);
    expect(data.tags?.find(({ key }) => key === 'nonfinite')?.value).toMatch(/^true/);
  });

  it('looks native: source, parameters, note, dataset, files, a logged model that is registered', async () => {
    const files = join(dir, 'files');
    mkdirSync(join(files, 'model', 'sub'), { recursive: true });
    writeFileSync(join(files, 'model', 'weights.bin'), Buffer.alloc(300_000, 7));
    writeFileSync(join(files, 'model', 'sub', 'größe.txt'), 'klein');
    writeFileSync(join(files, 'empty.txt'), '');
    writeFileSync(join(files, 'data.jsonl'), '{}\n');
    const run = await start({
      name: 'native',
      params: {
        lr: 3e-4,
        model: { layers: 12, names: ['a', 'b'] },
        'odd[key]': 'x',
        api_key: 'sk-very-secret',
      },
      tags: { team: 'red' },
      trackers: [
        {
          platform: 'mlflow',
          trackingUri: server.url,
          experimentName: 'native',
          runName: '{name}-{rank}',
          registeredModelName: 'tiny',
          configExcludeKeys: ['api_key'],
        },
      ],
    });
    for (let step = 0; step < 20; step++) run.step({ 'train/loss': 1 / (step + 1) });
    run.params({ lr: 1e-4 });
    run.histogram('gradients/layer 1', [1, 2, 3, Infinity]);
    run.note('It goes well.');
    expect(await run.artifact(join(files, 'empty.txt'))).toBe(true);
    await run.artifact(join(files, 'data.jsonl'), { kind: 'dataset', metadata: { context: 'eval' } });
    await run.artifact(join(files, 'model'), { kind: 'model', name: 'tiny-lm', metadata: { step: 19 } });
    await run.finish('finished', { best: 0.05 });
    expect(run.stats().trackers[0]).toMatchObject({ status: 'current', refused: 0 });

    const { info, data, inputs, outputs } = await server.run(await runOf('native', run.id));
    expect(info).toMatchObject({ run_name: 'native-0', status: 'FINISHED' });
    expect(Object.fromEntries((data.params ?? []).map(({ key, value }) => [key, value]))).toEqual({
      lr: '0.0003',
      'model.layers': '12',
      'model.names': '["a","b"]',
      odd_key__1e11fc: 'x',
    });
    const tags = Object.fromEntries((data.tags ?? []).map(({ key, value }) => [key, value]));
    expect(tags).toMatchObject({
      team: 'red',
      'mlflow.source.type': 'LOCAL',
      'mlflow.user': expect.any(String),
      'param_changed.lr': '0.0001',
      'mlflow.note.content': expect.stringContaining('It goes well.'),
    });
    expect(tags['mlflow.source.name']).not.toBe('');
    expect(data.metrics?.find(({ key }) => key === 'summary/best')?.value).toBe(0.05);
    const figures = (data.metrics ?? []).filter(({ key }) => key.startsWith('gradients/'));
    expect(figures.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toMatchObject([
      { key: 'gradients/layer 1/infinite', value: 1, step: 19 },
      { key: 'gradients/layer 1/max', value: 3 },
      { key: 'gradients/layer 1/mean', value: 2 },
      { key: 'gradients/layer 1/min', value: 1 },
      { key: 'gradients/layer 1/p05' },
      { key: 'gradients/layer 1/p50' },
      { key: 'gradients/layer 1/p95' },
    ]);
    expect(inputs?.dataset_inputs?.[0]?.dataset.name).toBe('data.jsonl');
    const root = info.artifact_uri.replace('mlflow-artifacts:/', '');
    expect(await server.artifact(`${root}/empty.txt`)).toHaveLength(0);

    const model = outputs?.model_outputs?.[0];
    expect(model?.step).toBe(19);
    const logged = (await server.get(`logged-models/${model?.model_id}`, {})) as {
      model: { info: { status: string; artifact_uri: string; name: string } };
    };
    expect(logged.model.info).toMatchObject({ status: 'LOGGED_MODEL_READY', name: 'tiny-lm' });
    const models = logged.model.info.artifact_uri.replace('mlflow-artifacts:/', '');
    expect(await server.artifact(`${models}/tiny-lm/weights.bin`)).toEqual(Buffer.alloc(300_000, 7));
    expect(
      (await server.artifact(`${models}/tiny-lm/sub/${encodeURIComponent('größe.txt')}`)).toString(),
    ).toBe('klein');
    expect((await server.artifact(`${models}/MLmodel`)).toString()).toContain(`model_id: ${model?.model_id}`);
    const versions = (await server.get('model-versions/search', { filter: "name = 'tiny'" })) as {
      model_versions?: { source: string }[];
    };
    expect(versions.model_versions?.map(({ source }) => source)).toEqual([`models:/${model?.model_id}`]);
    expect(JSON.stringify(await server.run(info.run_id))).not.toContain('sk-very-secret');
  });

  it('goes on when it is resumed: the same run, RUNNING and FINISHED again, points added', async () => {
    const trackers = [{ platform: 'mlflow', trackingUri: server.url, experimentName: 'resumed' }] as const;
    const first = await start({ trackers, params: { lr: 1 } });
    first.step({ 'train/loss': 3 }, { step: 0 });
    first.tags({ phase: 'late' });
    await first.finish('killed');
    const id = await runOf('resumed', first.id);
    expect((await server.run(id)).info.status).toBe('KILLED');
    const second = await start({ trackers, resume: first.id, params: { lr: 2 } });
    second.step({ 'train/loss': 2 }, { step: 1 });
    await second.finish();
    expect(second.id).toBe(first.id);
    expect(await runOf('resumed', first.id)).toBe(id);
    const { info, data } = await server.run(id);
    expect(info.status).toBe('FINISHED');
    expect((await server.history(id, 'train/loss')).map(({ step, value }) => [step, value])).toEqual([
      [0, 3],
      [1, 2],
    ]);
    const tags = Object.fromEntries((data.tags ?? []).map(({ key, value }) => [key, value]));
    expect(tags).toMatchObject({ phase: 'late', 'param_changed.lr': '2', 'llm.run.attempt': '2' });
  });

  it('has a child run for each further rank when that is asked for', async () => {
    const trackers = [
      { platform: 'mlflow', trackingUri: server.url, experimentName: 'ranks', ranks: 'all' },
    ] as const;
    const ranks = await Promise.all(
      [0, 1].map((rank) => start({ trackers, id: 'ranked', rank, worldSize: 2 })),
    );
    for (const run of ranks) run.step({ 'train/loss': run.rank });
    for (const run of ranks) await run.finish();
    const experiment = (await server.get('experiments/get-by-name', { experiment_name: 'ranks' })) as {
      experiment: { experiment_id: string };
    };
    const { runs = [] } = (await server.post('runs/search', {
      experiment_ids: [experiment.experiment.experiment_id],
      order_by: ['tags.`llm.rank` ASC'],
    })) as { runs?: { info: { run_id: string }; data: { tags: { key: string; value: string }[] } }[] };
    expect(runs).toHaveLength(2);
    const parent = runs[1]?.data.tags.find(({ key }) => key === 'mlflow.parentRunId')?.value;
    expect(parent).toBe(runs[0]?.info.run_id);
  });
});
