/**
 * W&B's own client and `wandb sync` beside ours, at one strict stand-in for the W&B API: the same calls leave the same
 * state.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SinkForwarder } from '../../src/trackers/forwarder/forwarder.ts';
import { NO_PROGRESS } from '../../src/trackers/forwarder/progress.ts';
import { type WandbOptions, wandbPlatform, wandbSettings } from '../../src/trackers/wandb/index.ts';
import { WandbOfflineSink } from '../../src/trackers/wandb/offline/offline-sink.ts';
import { eventLine } from '../../src/trackers/wandb/system-metrics.ts';
import { MemorySource } from '../trackers/forwarder/memory-source.ts';
import { histogramOf } from '../../src/training/values/histogram.ts';
import { contextOf, histogram, runOf, START, step } from '../trackers/wandb/records.ts';
import { type StoredRun, WandbStandIn } from '../trackers/wandb/stand-in.ts';
import { realPythonOrSkip } from './python-environment.ts';
import { ourPrinting, pythonCalls, wandbSync } from './wandb/commands.ts';

const python = realPythonOrSkip('Weights & Biases') ?? '';

/** Columns that hold the time of a call. */
const TIMES = new Set(['_timestamp', '_runtime', '_wandb']);
const timeless = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).filter(([key]) => !TIMES.has(key)));

/** What of a run does not depend on when and where it ran. */
function stateOf(run: StoredRun) {
  const { _wandb, ...config } = run.config;
  return {
    displayName: run.displayName,
    group: run.group,
    jobType: run.jobType,
    notes: run.notes,
    tags: run.tags.toSorted(),
    config,
    history: run.history.map(timeless),
    summary: timeless(run.summary),
    output: run.output.map((line) => line.replace(/\d{4}-\d\d-\d\dT[\d:.]+ /, '')),
    alerts: run.alerts,
    exitCode: run.exitCode,
  };
}

/** The calls of calls.py, through ours. */
async function ourCalls(options: WandbOptions, env: Record<string, string>): Promise<void> {
  const source = new MemorySource(
    runOf({
      id: 'ours',
      params: { lr: 0.1, model: { layers: 3, name: 'x' }, list: [1, 2], on: true, text: 'ü' },
      tags: { debug: true },
    }),
  );
  for (let index = 0; index < 200; index++) {
    const loss = { 50: Number.NaN, 60: Infinity, 61: -Infinity }[index] ?? 1 / (index + 1);
    source.step(index * 2, { 'train/loss': loss, 'train/grad_norm': 1e-300 * index });
    if (index % 50 === 49) source.step(index * 2, { 'val/loss': index / 7 });
  }
  source.params({ extra: 5 });
  source.tags({ late: 'x' });
  source.note('hot', 'warning');
  source.end('failed', { best: 0.25 });
  const sink = wandbPlatform.createSink(
    { jobType: 'training', notes: 'a note', tags: ['llm'], ...options },
    { env, warn: () => {} },
  );
  if (!sink) throw new Error('no sink');
  const troubles: string[] = [];
  const forwarder = new SinkForwarder({
    sink,
    source,
    progress: NO_PROGRESS,
    onTrouble: (message) => void troubles.push(message),
  });
  forwarder.console(START, 'stdout', 'a line');
  forwarder.console(START, 'stderr', 'a complaint');
  const health = await forwarder.drain({ milliseconds: 30_000 });
  await forwarder.stop();
  expect(troubles).toEqual([]);
  expect(health).toMatchObject({ status: 'current', acknowledged: source.head });
}

/** What theirs has and ours has not, or the other way round, by the nature of the two. */
function ofBoth(state: ReturnType<typeof stateOf>) {
  return {
    ...state,
    tags: state.tags.map((tag) => (tag === 'late:x' ? 'late' : tag)),
    // a note of ours stands in the log too; lines of the two streams come in any order
    output: state.output.filter((line) => !line.startsWith('[')).toSorted(),
  };
}

describe.skipIf(python === '')('beside the real W&B client', () => {
  let home: string;
  let wandb: WandbStandIn;
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'llm-otel-wandb-'));
    wandb = await new WandbStandIn().listen();
  });
  afterEach(async () => {
    await wandb.close();
    rmSync(home, { recursive: true, force: true });
  });
  const env = () => ({ WANDB_BASE_URL: wandb.url, WANDB_API_KEY: wandb.key, WANDB_DIR: home });
  const theirs = (): StoredRun => wandb.runs.get('tester/my-llm/python') as StoredRun;
  const ours = (): StoredRun => wandb.runs.get('tester/my-llm/ours') as StoredRun;

  it('the same calls leave the same state: online, and offline through `wandb sync`', async () => {
    // their client exits as the run does, or with 0: what counts is the state
    const { output } = await pythonCalls(python, wandb, home);
    expect(theirs()?.exitCode, output).toBe(1);
    const expected = ofBoth(stateOf(theirs()));
    expect(expected.history).toHaveLength(200);
    expect(expected.history[50]).toMatchObject({ _step: 100, 'train/loss': Number.NaN });

    await ourCalls({ mode: 'online' }, env());
    expect(ofBoth(stateOf(ours()))).toEqual(expected);
    expect(ours().summary['_wandb']).toEqual({ runtime: expect.any(Number) });

    wandb.runs.delete('tester/my-llm/ours');
    await ourCalls({ mode: 'offline' }, env());
    const folder = readdirSync(join(home, 'wandb')).find((name) => name.startsWith('offline-run')) ?? '';
    const synced = await wandbSync(python, wandb, home, join('wandb', folder));
    expect(ours(), synced.output).toBeDefined();
    expect(ofBoth(stateOf(ours()))).toEqual(expected);
    expect(readdirSync(join(home, 'wandb', folder))).toContain('run-ours.wandb.synced');
    expect(wandb.violations).toEqual([]);
  });

  it('what a program prints is on the page Logs as their client has it: online, and offline', async () => {
    // the time at the front, and the order of the two streams, are of the moment
    const logOf = (run: StoredRun): string[] =>
      run.output.map((line) => line.replace(/\d{4}-\d\d-\d\dT[\d:.]+ /, '')).toSorted();
    const { output } = await pythonCalls(python, wandb, home, 'print');
    const expected = logOf(theirs());
    expect(expected, output).toEqual(
      ['epoch 1', '100%', 'grün 😀', 'ERROR careful', 'in pieces', 'the rest'].toSorted(),
    );
    const printed = await ourPrinting(wandb, home, 'online');
    expect(printed).toMatchObject({ code: 0 });
    expect(printed.output).toContain('in pieces\nthe rest');
    expect(logOf(ours())).toEqual(expected);
    wandb.runs.delete('tester/my-llm/ours');
    await ourPrinting(wandb, home, 'offline');
    const synced = await wandbSync(python, wandb, home, 'wandb');
    expect(logOf(ours()), synced.output).toEqual(expected);
    expect(wandb.violations).toEqual([]);
  });

  it('histograms are what theirs are: online, and offline through `wandb sync`', async () => {
    const { output } = await pythonCalls(python, wandb, home, 'histogram');
    const stateOfRows = (run: StoredRun) => ({
      history: run.history.map(timeless),
      summary: timeless(run.summary),
    });
    const expected = stateOfRows(theirs());
    expect(expected.history, output).toMatchObject([
      { 'gradients/a': { _type: 'histogram' } },
      { 'activations/b': { values: [2, 0, 5] } },
    ]);
    for (const mode of ['online', 'offline'] as const) {
      const sink = wandbPlatform.createSink({ mode }, { env: env(), warn: () => {} });
      await sink?.open(runOf({ id: 'ours' }), contextOf());
      const bins = { edges: [0, 0.5, 1, 1.5], counts: [2, 0, 5] };
      await sink?.write([
        step(1, 0, { 'train/loss': 1 }),
        histogram(2, 0, 'gradients/a', histogramOf([0.1, -0.25, 3, 3], 8)),
        step(3, 1, { 'train/loss': 0.5 }),
        histogram(4, 1, 'activations/b', histogramOf(bins)),
      ]);
      await sink?.close('finished', {});
      if (mode === 'offline') await wandbSync(python, wandb, home, 'wandb');
      expect(stateOfRows(ours()), mode).toEqual(expected);
      wandb.runs.delete('tester/my-llm/ours');
    }
    expect(wandb.violations).toEqual([]);
  });

  it('says what the run runs on, offline through `wandb sync` as well as online', async () => {
    const machine = {
      'host.cpu.model.name': 'EPYC',
      'host.cpu.count': 64,
      'host.memory.size': 540_000_000_000,
      'host.gpus': 'NVIDIA H100, NVIDIA H100',
      'host.gpu.cuda_version': '13.1',
      'os.type': 'linux',
      'os.version': '6.12.0',
    };
    for (const mode of ['online', 'offline'] as const) {
      const sink = wandbPlatform.createSink({ mode }, { env: env(), warn: () => {} });
      await sink?.open(runOf({ id: 'ours', machine }), contextOf());
      await sink?.write([step(1, 0, { 'train/loss': 1 })]);
      await sink?.close('finished', {});
      const synced = mode === 'offline' ? await wandbSync(python, wandb, home, 'wandb') : undefined;
      const file = Buffer.from(ours().files.get('wandb-metadata.json') ?? []).toString();
      expect(JSON.parse(file), synced?.output).toMatchObject({
        os: 'linux 6.12.0',
        cpu_count_logical: 64,
        cpu: { countLogical: 64, model: 'EPYC' },
        memory: { total: '540000000000' },
        gpu: 'NVIDIA H100',
        gpu_count: 2,
        gpu_nvidia: [{ name: 'NVIDIA H100' }, { name: 'NVIDIA H100' }],
        cudaVersion: '13.1',
        program: 'train.mjs',
      });
      wandb.runs.delete('tester/my-llm/ours');
    }
    expect(wandb.violations).toEqual([]);
  });

  it('artifacts are what theirs are: online, and offline through `wandb sync`', async () => {
    mkdirSync(join(home, 'model', 'deeper'), { recursive: true });
    writeFileSync(join(home, 'model', 'weights.bin'), 'weights');
    writeFileSync(join(home, 'model', 'deeper', 'empty'), '');
    writeFileSync(join(home, 'data.bin'), Buffer.alloc(100_000, 7));
    /** And forgets them. */
    const takeArtifacts = () =>
      wandb.artifactStore.artifacts
        .splice(0)
        .map(({ name, type, digest, description, metadata, aliases, state, files }) => ({
          name,
          type,
          digest,
          description,
          metadata: metadata === null ? null : (JSON.parse(metadata) as unknown),
          aliases: aliases.toSorted(),
          state,
          files: Object.fromEntries(
            Array.from(files, ([file, { bytes }]) => [file, bytes?.toString('base64')]),
          ),
        }))
        .toSorted((a, b) => a.name.localeCompare(b.name));
    const { output } = await pythonCalls(python, wandb, home, 'artifact', home);
    const expected = takeArtifacts();
    expect(expected, output).toMatchObject([
      { name: 'best', state: 'COMMITTED', aliases: ['latest', 'prod'] },
      { name: 'data', state: 'COMMITTED' },
    ]);
    for (const mode of ['online', 'offline'] as const) {
      const sink = wandbPlatform.createSink({ mode }, { env: env(), warn: () => {} });
      await sink?.open(runOf({ id: 'ours' }), contextOf());
      await sink?.write([step(1, 0, { 'train/loss': 1 })]);
      const metadata = { accuracy: 0.5, layers: [1, 2], description: 'the best', aliases: ['prod'] };
      const place = { size: 0, sha256: '', time: START };
      await sink?.artifact({
        seq: 2,
        name: 'best',
        kind: 'model',
        path: join(home, 'model'),
        metadata,
        ...place,
      });
      await sink?.artifact({
        seq: 3,
        name: 'data',
        kind: 'dataset',
        path: join(home, 'data.bin'),
        metadata: {},
        ...place,
      });
      await sink?.close('finished', {});
      const synced = mode === 'offline' ? (await wandbSync(python, wandb, home, 'wandb')).output : '';
      expect(takeArtifacts(), mode + synced).toEqual(expected);
      expect(ours().history).toHaveLength(1);
      wandb.runs.delete('tester/my-llm/ours');
    }
    expect(wandb.violations).toEqual([]);
  });

  it('our system metrics have the names that theirs have', async () => {
    await pythonCalls(python, wandb, home, 'system');
    const known = new Set(theirs().events.flatMap((row) => Object.keys(row)));
    const line = eventLine(
      {
        'process/cpu_percent': 1,
        'process/memory_rss_gb': 1,
        'system/memory_percent': 1,
        'system/memory_available_gb': 1,
        'system/disk_percent': 1,
      },
      START,
      START,
    );
    for (const key of Object.keys(JSON.parse(line) as object)) expect(known).toContain(key);
  });

  it('`wandb sync` uploads long records, many rows, artifacts and the sources', async () => {
    const settings = wandbSettings(
      { mode: 'offline', dir: home, logCode: true },
      { env: {}, warn: () => {} },
    );
    const sink = new WandbOfflineSink(settings as NonNullable<typeof settings>);
    await sink.open(
      runOf({ id: 'ours', pid: process.pid, params: { long: 'x'.repeat(100_000) } }),
      contextOf(),
    );
    const rows = Array.from({ length: 5000 }, (_, index) =>
      step(index, index, { a: index, 'b/c.d[0]': -index }),
    );
    // one row of 4000 columns: several blocks long
    const wide = Object.fromEntries(Array.from({ length: 4000 }, (_, index) => [`layer/${index}`, index]));
    await sink.write(rows);
    await sink.write([step(5000, 5000, wide)]);
    writeFileSync(join(home, 'model.bin'), 'weights');
    const artifact = {
      name: 'best',
      kind: 'model',
      path: join(home, 'model.bin'),
      size: 7,
      sha256: '',
      metadata: {},
    };
    await sink.artifact({ seq: 5001, time: START, ...artifact });
    await sink.close('finished', {});
    const { output } = await wandbSync(python, wandb, home, 'wandb');
    const run = ours();
    expect(run?.history, output).toHaveLength(5001);
    expect(run.history.map(({ _step }) => _step)).toEqual(Array.from({ length: 5001 }, (_, index) => index));
    expect(run.history[4999]).toMatchObject({ a: 4999, 'b/c.d[0]': -4999 });
    expect(run.history[5000]).toMatchObject(wide);
    expect(run.config['long']?.value).toHaveLength(100_000);
    expect(wandb.artifactStore.committed).toMatchObject([
      { name: 'best', type: 'model', run: 'tester/my-llm/ours' },
    ]);
    expect([...run.files.keys()]).toContain('code/package.json');
    expect(run.exitCode).toBe(0);
    expect(wandb.violations).toEqual([]);
  });

  it('a folder that was moved is uploaded, but for its artifacts, which it names by where they lay', async () => {
    const sink = wandbPlatform.createSink({ mode: 'offline' }, { env: env(), warn: () => {} });
    await sink?.open(runOf({ id: 'ours' }), contextOf());
    writeFileSync(join(home, 'model.bin'), 'weights');
    const artifact = { name: 'best', kind: 'model', path: join(home, 'model.bin'), size: 7, sha256: '' };
    await sink?.artifact({ ...artifact, seq: 1, time: START, metadata: {} });
    await sink?.write([step(2, 0, { a: 1 }), step(3, 1, { a: 2 })]);
    await sink?.close('finished', {});
    renameSync(join(home, 'wandb'), join(home, 'moved'));
    const { output } = await wandbSync(python, wandb, home, 'moved');
    expect(ours()?.history, output).toHaveLength(2);
    expect(ours().exitCode).toBe(0);
    expect(wandb.artifactStore.committed).toEqual([]);
  });

  it('a run that was uploaded and then went on becomes one run', async () => {
    const settings = wandbSettings({ mode: 'offline', dir: home }, { env: {}, warn: () => {} });
    const make = () => new WandbOfflineSink(settings as NonNullable<typeof settings>);
    const first = make();
    await first.open(runOf({ id: 'ours' }), contextOf());
    await first.write([step(0, 0, { a: 0 }), step(1, 1, { a: 1 })]);
    await first.close('killed', {});
    await wandbSync(python, wandb, home, 'wandb');
    expect(ours().exitCode).toBe(255);
    const second = make();
    await second.open(runOf({ id: 'ours', attempt: 2 }), contextOf(first.state()));
    await second.write([step(2, 1, { a: 10 }), step(3, 2, { a: 2 })]);
    await second.close('finished', {});
    const { output } = await wandbSync(python, wandb, home, 'wandb');
    expect(
      ours().history.map(({ _step, a }) => [_step, a]),
      output,
    ).toEqual([
      [0, 0],
      [1, 1],
      [2, 10],
      [3, 2],
    ]);
    expect(ours().exitCode).toBe(0);
  });

  it('a run of ours is one that their client can go on with', async () => {
    await ourCalls({ mode: 'online' }, env());
    const before = ours().history.length;
    const { output } = await pythonCalls(python, wandb, home, 'resume', 'ours');
    expect(output).toContain('step 399');
    expect(ours().history).toHaveLength(before + 1);
    expect(ours().history.at(-1)).toMatchObject({ _step: 399, 'train/loss': 0.125 });
    expect(ours().config).toMatchObject({ lr: { value: 0.1 }, extra: { value: 5 } });
    expect(wandb.violations).toEqual([]);
  });

  it('what a killed program leaves is uploaded up to its last flush', async () => {
    const settings = wandbSettings({ mode: 'offline', dir: home }, { env: {}, warn: () => {} });
    const sink = new WandbOfflineSink(settings as NonNullable<typeof settings>);
    await sink.open(runOf({ id: 'ours' }), contextOf());
    await sink.write(Array.from({ length: 100 }, (_, index) => step(index, index, { a: index })));
    await sink.close(undefined, {});
    await wandbSync(python, wandb, home, 'wandb');
    // the last row may still have got values
    expect(ours().history.map(({ a }) => a)).toEqual(Array.from({ length: 99 }, (_, index) => index));
    expect(existsSync(join(home, 'wandb'))).toBe(true);
    expect(ours().summary).toMatchObject({ a: 98, _step: 98 });
  });
});
