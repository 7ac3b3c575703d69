/**
 * Comet's own client and `comet upload` beside ours, at one strict stand-in for Comet's API: the same calls leave the
 * same state.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CometOptions, cometPlatform } from '../../src/trackers/comet/index.ts';
import { SinkForwarder } from '../../src/trackers/forwarder/forwarder.ts';
import { NO_PROGRESS } from '../../src/trackers/forwarder/progress.ts';
import { histogramOf } from '../../src/training/values/histogram.ts';
import { CometStandIn, type StoredExperiment } from '../trackers/comet/stand-in.ts';
import { MemorySource } from '../trackers/forwarder/memory-source.ts';
import { contextOf, runOf, START, step } from '../trackers/wandb/records.ts';
import { realPythonOrSkip } from './python-environment.ts';

const python = realPythonOrSkip('Comet') ?? '';
const THEIRS = `python${'0'.repeat(26)}`;
const OURS = `ours${'0'.repeat(28)}`;

/** Entries and parameters that each side keeps of its own accord. */
const OWN_ENTRIES = new Set(['status', 'group', 'offline_experiment']);
const OWN_PARAMETERS = new Set(['curr_step', 'curr_epoch']);

/** What of an experiment does not depend on when and where it ran; values by metric, in order of their steps. */
function stateOf(experiment: StoredExperiment) {
  const { metrics, parameters, others, tags, assets, graph, workspace, project } = experiment;
  return {
    workspace,
    project,
    metrics: metrics
      .filter(({ name }) => !/^sys\.|^process duration$/.test(name))
      .map(({ name, value, step: number, epoch }) => ({ name, value, step: number, epoch }))
      .toSorted((a, b) => a.name.localeCompare(b.name) || (a.step ?? 0) - (b.step ?? 0)),
    parameters: Object.fromEntries([...parameters].filter(([name]) => !OWN_PARAMETERS.has(name))),
    others: Object.fromEntries([...others].filter(([name]) => !OWN_ENTRIES.has(name))),
    tags: [...tags].toSorted(),
    assets: assets
      .map(({ name, type, step: number, size, content }) =>
        type === 'histogram3d'
          ? { name, type, step: number, content: JSON.parse(content.toString()) as unknown }
          : { name, type, size },
      )
      // `comet upload` sends several at once
      .toSorted((a, b) => a.name.localeCompare(b.name)),
    graph,
  };
}

describe.skipIf(python === '')('beside the real Comet client', () => {
  let home: string;
  let comet: CometStandIn;
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'llm-otel-comet-'));
    comet = await new CometStandIn().listen();
  });
  afterEach(async () => {
    await comet.close();
    rmSync(home, { recursive: true, force: true });
  });

  const variables = () => ({ COMET_URL_OVERRIDE: `${comet.url}/clientlib/`, COMET_API_KEY: comet.key });
  const run = (file: string, ...args: string[]): Promise<string> =>
    new Promise((resolve) => {
      const env = {
        PATH: process.env['PATH'],
        HOME: home,
        NO_PROXY: '127.0.0.1',
        PYTHONDONTWRITEBYTECODE: '1',
        COMET_DISABLE_AUTO_LOGGING: '1',
        ...variables(),
      };
      execFile(file, args, { cwd: home, env, timeout: 90_000 }, (_error, stdout, stderr) =>
        resolve(stdout + stderr),
      );
    });
  const upload = (archive: string): Promise<string> =>
    run(join(dirname(python), 'comet'), 'upload', join(home, 'archives', archive));

  /** The calls of calls.py, through ours. */
  async function ourCalls(options: CometOptions): Promise<void> {
    writeFileSync(join(home, 'best.bin'), 'weights');
    writeFileSync(join(home, 'graph.txt'), 'layer 1');
    const source = new MemorySource(
      runOf({
        id: OURS,
        group: undefined,
        params: { lr: 0.1, model: { layers: 3, name: 'x' }, on: true, text: 'ü' },
        tags: { llm: true, debug: true },
        source: {},
      }),
    );
    for (let index = 0; index < 200; index++) {
      const loss = { 50: Number.NaN, 60: Infinity, 61: -Infinity }[index] ?? 1 / (index + 1);
      const seq = source.step(index, { 'train/loss': loss, 'train/grad_norm': 1e-300 * index });
      const record = source.entries[seq]?.records[0];
      if (record?.kind === 'step') Object.assign(record, { epoch: index / 100 });
    }
    source.params({ extra: 5 });
    source.artifact({ name: 'best.bin', kind: 'model', path: join(home, 'best.bin') });
    source.artifact({ name: 'graph', kind: 'graph', path: join(home, 'graph.txt') });
    // bins so narrow that each lies in one of Comet's
    const bins = { edges: [-0.251, -0.249, 0.099, 0.101, 2.9, 3.1], counts: [1, 0, 1, 0, 2] };
    source.histogram(7, 'gradients/a', histogramOf(bins), 1);
    source.end('finished', { best: 0.25 });
    const sink = cometPlatform.createSink(
      { workspace: 'my-team', autoLog: false, offlineDirectory: join(home, 'archives'), ...options },
      { env: variables(), warn: () => {} },
    );
    if (!sink) throw new Error('no sink');
    const troubles: string[] = [];
    const forwarder = new SinkForwarder({
      sink,
      source,
      progress: NO_PROGRESS,
      onTrouble: (message) => void troubles.push(message),
    });
    const health = await forwarder.drain({ milliseconds: 30_000 });
    await forwarder.stop();
    expect(troubles).toEqual([]);
    expect(health).toMatchObject({ status: 'current', acknowledged: source.head });
  }

  it('the same calls leave the same state: online, and offline through `comet upload`', async () => {
    const script = fileURLToPath(new URL('comet/calls.py', import.meta.url));
    const output = await run(python, script);
    const theirs = comet.experiments.get(THEIRS);
    expect(theirs, output).toBeDefined();
    const expected = stateOf(theirs as StoredExperiment);
    expect(expected.metrics).toHaveLength(400);

    await ourCalls({ mode: 'online' });
    expect(stateOf(comet.experiments.get(OURS) as StoredExperiment)).toEqual(expected);
    expect(comet.experiments.get(OURS)).toMatchObject({ alive: false, startTime: START });

    comet.experiments.delete(OURS);
    await ourCalls({ mode: 'offline' });
    const [archive = ''] = readdirSync(join(home, 'archives'));
    const uploaded = await upload(archive);
    const ours = comet.experiments.get(OURS);
    expect(ours, uploaded).toBeDefined();
    expect(stateOf(ours as StoredExperiment)).toEqual(expected);
    // an experiment that is flagged got something that their client could not use
    expect(ours?.status, uploaded).toBeNull();
    expect(comet.violations).toEqual([]);
  });

  it('`comet upload` takes everything that a run may have', async () => {
    const sink = cometPlatform.createSink(
      { mode: 'offline', offlineDirectory: join(home, 'archives'), logCode: true },
      { env: {}, warn: () => {} },
    );
    if (!sink) throw new Error('no sink');
    await sink.open(runOf({ id: OURS, pid: process.pid }), contextOf());
    await sink.write(
      Array.from({ length: 3000 }, (_, index) => step(index + 1, index, { a: index, b: -index })),
    );
    await sink.write([
      { kind: 'system', seq: -1, time: START, sample: 0, values: { 'gpu_0/gpu_utilization': 0.5 } },
      { kind: 'console', seq: -1, time: START, stream: 'stderr', text: 'oops' },
      { kind: 'note', seq: 3001, time: START, severity: 'info', text: 'a note' },
    ]);
    await sink.close('finished', {});
    const [archive = ''] = readdirSync(join(home, 'archives'));
    const uploaded = await upload(archive);
    const ours = comet.experiments.get(OURS);
    expect(
      ours?.metrics.filter(({ name }) => name === 'a').map(({ value }) => value),
      uploaded,
    ).toEqual(Array.from({ length: 3000 }, (_, index) => index));
    expect(ours?.metrics.find(({ name }) => name === 'sys.gpu.0.gpu_utilization')).toMatchObject({
      value: 50,
    });
    expect(ours?.output.map(({ text }) => text).join('')).toContain('[info] a note');
    expect(ours?.assets.filter(({ type }) => type === 'source_code').map(({ name }) => name)).toContain(
      'package.json',
    );
    expect(ours?.git).not.toBeNull();
    expect(ours?.fileName).toBe('train.mjs');
    expect(ours?.status, uploaded).toBeNull();
    expect(comet.violations).toEqual([]);
  });

  it('a run that went on after its archive was uploaded is the same experiment', async () => {
    const make = () =>
      cometPlatform.createSink(
        { mode: 'offline', offlineDirectory: join(home, 'archives') },
        { env: {}, warn: () => {} },
      );
    const first = make();
    await first?.open(runOf({ id: OURS }), contextOf());
    await first?.write([step(1, 0, { a: 0 })]);
    await first?.close('killed', {});
    await upload(`${OURS}.zip`);
    const second = make();
    await second?.open(runOf({ id: OURS, attempt: 2 }), contextOf(first?.state?.()));
    await second?.write([step(2, 1, { a: 1 })]);
    await second?.close('finished', {});
    const uploaded = await upload(`${OURS}-2.zip`);
    expect(
      comet.experiment().metrics.map(({ value }) => value),
      uploaded,
    ).toEqual([0, 1]);
  });
});
