import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  SinkRefused,
  SinkUnauthorized,
  SinkUnavailable,
  type SinkState,
} from '../../../src/trackers/index.ts';
import { CometClient } from '../../../src/trackers/comet/client.ts';
import { type CometOptions, cometSettings } from '../../../src/trackers/comet/config.ts';
import { CometOnlineSink } from '../../../src/trackers/comet/online-sink.ts';
import { histogramOf } from '../../../src/training/values/histogram.ts';
import { contextOf, histogram, runOf, START, step } from '../wandb/records.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { CometStandIn } from './stand-in.ts';

let comet: CometStandIn;
/** Milliseconds that the sink waited, by its own clock. */
let waited: number;
beforeEach(async () => {
  comet = await new CometStandIn().listen();
  waited = 0;
});
afterEach(() => comet.close());

function sinkOf(options: CometOptions = {}, env: Record<string, string> = {}): CometOnlineSink {
  const settings = cometSettings(options, {
    env: { COMET_URL_OVERRIDE: `${comet.url}/clientlib/`, COMET_API_KEY: comet.key, ...env },
    warn: () => {},
  });
  if (!settings) throw new Error('no sink');
  let monotonic = 0;
  return new CometOnlineSink(settings, new CometClient(settings), {
    now: () => START + 60_000,
    monotonic: () => monotonic,
    wait: async (milliseconds) => {
      waited += milliseconds;
      monotonic += milliseconds;
    },
  });
}

describe('a run that is sent to Comet', () => {
  it('is there as its own client would have left it', async () => {
    const sink = sinkOf({ workspace: 'my-team', tags: ['llm'] });
    const machine = {
      'host.cpu.model.name': 'EPYC',
      'host.arch': 'amd64',
      'os.type': 'linux',
      'os.version': '6.12.0',
    };
    await sink.open(runOf({ pid: 7, machine }), contextOf());
    expect(comet.experiment().alive).toBe(true);
    await sink.write([
      step(1, 0, { 'train/loss': 1, 'train/grad_norm': Number.NaN }),
      step(2, 1, { 'train/loss': Infinity }, 0.75),
      { kind: 'params', seq: 3, time: START, params: { extra: 5, nan: Number.NaN } },
      { kind: 'tags', seq: 4, time: START, tags: { late: true } },
      { kind: 'note', seq: 5, time: START, severity: 'error', text: 'it burns' },
    ]);
    await sink.close('failed', { best: 0.25 }, undefined, START + 9000);
    const experiment = comet.experiment();
    expect(experiment).toMatchObject({ workspace: 'my-team', project: 'my-llm', alive: false });
    expect(experiment.metrics).toEqual([
      { name: 'train/loss', value: 1, step: 0, epoch: null, context: null, timestamp: START + 1000 },
      { name: 'train/grad_norm', value: 'NaN', step: 0, epoch: null, context: null, timestamp: START + 1000 },
      { name: 'train/loss', value: 'Infinity', step: 1, epoch: 0, context: null, timestamp: START + 2000 },
    ]);
    expect(Object.fromEntries(experiment.parameters)).toEqual({
      lr: '0.1',
      'model|layers': '3',
      'model|name': 'x',
      list: '[1,2]',
      extra: '5',
      nan: 'NaN',
    });
    expect(Object.fromEntries(experiment.others)).toEqual({
      Name: 'night-run',
      group: 'g1',
      hasNestedParams: true,
      best: 0.25,
      status: 'failed',
    });
    expect([...experiment.tags]).toEqual(['llm', 'debug', 'team:a', 'late']);
    expect(experiment.output).toEqual([{ text: '[error] it burns\n', stderr: true }]);
    expect(experiment.git).toMatchObject({
      parent: 'a'.repeat(40),
      origin: 'https://example.com/me/llm.git',
    });
    expect(experiment.systemDetails).toMatchObject({
      os: 'linux 6.12.0',
      osType: 'linux',
      osRelease: '6.12.0',
      machine: 'amd64',
      processor: 'EPYC',
      hostname: 'gpu-1',
      pid: 7,
      command: ['train.mjs', '--lr', '0.1'],
    });
    expect(experiment.fileName).toBe('train.mjs');
    expect(experiment).toMatchObject({ startTime: START, endTime: START + 9000 });
    expect(experiment.status).toContain('"hasCrashed":true');
    expect(sink.url()).toBe(`${comet.url}/tester/my-llm/${experiment.key}`);
    expect(comet.violations).toEqual([]);
  });

  it('has system metrics and printed lines only with auto_log', async () => {
    const side = [
      {
        kind: 'system' as const,
        seq: -1,
        time: START,
        sample: 0,
        values: { 'gpu_0/gpu_utilization': 0.5, 'system/cpu_percent': 7 },
      },
      { kind: 'console' as const, seq: -1, time: START, stream: 'stderr' as const, text: 'oops' },
    ];
    const sink = sinkOf();
    await sink.open(runOf());
    await sink.write(side);
    expect(comet.experiment().metrics.map(({ name, value }) => [name, value])).toEqual([
      ['sys.gpu.0.gpu_utilization', 50],
      ['sys.cpu.percent.avg', 7],
    ]);
    expect(comet.experiment().output).toEqual([{ text: 'oops\n', stderr: true }]);
    comet.experiments.clear();
    const quiet = sinkOf({ autoLog: false });
    await quiet.open(runOf());
    await quiet.write(side);
    expect(comet.experiment()).toMatchObject({
      metrics: [],
      output: [],
      systemDetails: null,
      git: null,
      fileName: null,
    });
  });

  it('stays within limits: names and values, values a request and a minute', async () => {
    const context = contextOf();
    const sink = sinkOf();
    await sink.open(
      runOf({ params: { long: 'x'.repeat(2000), ['k'.repeat(150)]: 1, ['k'.repeat(151)]: 2 } }),
      context,
    );
    expect(comet.experiment().parameters.get('long')).toHaveLength(1000);
    expect([...comet.experiment().parameters].filter(([name]) => name.startsWith('kkk'))).toHaveLength(2);
    expect(context.warnings).toEqual([expect.stringContaining('long')]);
    for (let batch = 0; batch < 5; batch++)
      await sink.write(
        Array.from({ length: 100 }, (_, index) => {
          const seq = 1 + batch * 100 + index;
          return step(seq, seq, Object.fromEntries(Array.from({ length: 30 }, (_, key) => [`m${key}`, seq])));
        }),
      );
    expect(comet.experiment().metrics).toHaveLength(15_000);
    // 3000 at once, 150 a second beyond
    expect(waited).toBeCloseTo(((15_000 - 3000) / 150) * 1000, 3);
    expect(comet.violations).toEqual([]);
  });

  it('has fewer values of a very long run, and the last one', async () => {
    const context = contextOf();
    const sink = sinkOf();
    await sink.open(runOf(), context);
    for (let at = 0; at < 20_000; at += 1000)
      await sink.write(
        Array.from({ length: 1000 }, (_, index) => step(1 + at + index, at + index, { a: at + index })),
      );
    await sink.close('finished', {});
    const { metrics } = comet.experiment();
    expect(metrics.length).toBeLessThan(10_000);
    expect(metrics.at(-1)).toMatchObject({ value: 19_999, step: 19_999 });
    expect(new Set(context.warnings).size).toBe(1);
  });

  it('has its artifacts: models, assets, the graph', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'comet-'));
    try {
      writeFileSync(join(folder, 'model.bin'), Buffer.alloc(300_000, 3));
      writeFileSync(join(folder, 'graph.txt'), 'layer 1');
      const context = contextOf();
      const sink = sinkOf();
      await sink.open(runOf(), context);
      const artifact = { seq: 1, time: START, size: 1, sha256: '', metadata: { accuracy: 0.5 } };
      const path = join(folder, 'model.bin');
      await sink.artifact({ ...artifact, name: 'best', kind: 'model', path });
      await sink.artifact({ ...artifact, name: 'best', kind: 'model', path });
      await sink.artifact({ ...artifact, name: 'data', kind: 'dataset', path });
      await sink.artifact({ ...artifact, name: 'net', kind: 'graph', path: join(folder, 'graph.txt') });
      await sink.artifact({ ...artifact, name: 'gone', kind: 'model', path: join(folder, 'gone') });
      const { assets, graph } = comet.experiment();
      expect(assets).toMatchObject([
        { name: 'best.bin', type: 'model-element', step: null, size: 300_000, metadata: '{"accuracy":0.5}' },
        { name: 'data.bin', type: 'asset', step: null, size: 300_000, metadata: '{"accuracy":0.5}' },
      ]);
      expect(graph).toBe('layer 1');
      expect(context.warnings).toEqual([expect.stringContaining('gone')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has a graph among its assets where the graph is not wanted', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'graph.txt'), 'layer 1');
    const sink = sinkOf({ logGraph: false });
    await sink.open(runOf(), contextOf());
    const artifact = { seq: 1, time: START, size: 7, sha256: '', metadata: {} };
    await sink.artifact({ ...artifact, name: 'net', kind: 'graph', path: join(folder, 'graph.txt') });
    expect(comet.experiment()).toMatchObject({ graph: null, assets: [{ name: 'net.txt', type: 'asset' }] });
  });

  it('has the sources of its program and its commit when asked for, but only in its own process', async () => {
    const context = contextOf();
    await sinkOf({ logCode: true, autoLog: false }).open(runOf({ pid: process.pid }), context);
    const { assets, git } = comet.experiment();
    const sources = assets.filter(({ type }) => type === 'source_code').map(({ name }) => name);
    expect(sources).toContain('package.json');
    expect(sources.filter((name) => name.includes('node_modules'))).toEqual([]);
    expect(git).toMatchObject({ parent: 'a'.repeat(40) });
    comet.experiments.clear();
    await sinkOf({ logCode: true, autoLog: false }).open(runOf({ pid: -1 }), context);
    expect(comet.experiment()).toMatchObject({ assets: [], git: { parent: 'a'.repeat(40) } });
    expect(context.warnings.at(-1)).toMatch(/^log_code: the code is where the run is/);
  });

  it('says that it is alive while it is silent', async () => {
    const sink = sinkOf();
    await sink.open(runOf());
    const beats = () => comet.requests.filter(({ path }) => path.endsWith('status-report/update')).length;
    const before = beats();
    await sink.write([]);
    expect(beats()).toBe(before + 1);
    await sink.close(undefined, {});
    expect(comet.experiment()).toMatchObject({ alive: true, endTime: null });
  });
});

describe('a run that goes on', () => {
  it('sends no value twice when a batch failed in its middle, nor after a restart', async () => {
    const records = Array.from({ length: 100 }, (_, index) =>
      step(1 + index, index, Object.fromEntries(Array.from({ length: 25 }, (_, key) => [`m${key}`, index]))),
    );
    const first = sinkOf();
    await first.open(runOf(), contextOf());
    let posts = 0;
    comet.script = ({ path }) => (path.endsWith('/metric') && ++posts === 2 ? { status: 503 } : undefined);
    await expect(first.write(records)).rejects.toThrow(SinkUnavailable);
    expect(comet.experiment().metrics).toHaveLength(1000);
    // in other batches
    await first.write(records.slice(0, 30));
    await first.write(records.slice(30, 60));
    const state = JSON.parse(JSON.stringify(first.state())) as SinkState;
    const second = sinkOf();
    await second.open(runOf(), contextOf(state));
    await second.write(records.slice(60));
    await second.close('finished', {});
    const seen = comet.experiment().metrics.map(({ name, step: number }) => `${name} ${number}`);
    expect(seen).toHaveLength(2500);
    expect(new Set(seen).size).toBe(2500);
    expect(comet.requests.filter(({ path }) => path.endsWith('/logger/get/run'))).toHaveLength(1);
    expect(comet.violations).toEqual([]);
  });

  describe('when what was taken is not known', () => {
    const records = Array.from({ length: 30 }, (_, index) => [
      step(1 + 2 * index, index, { a: index, b: Number.NaN }),
      histogram(2 + 2 * index, index, 'gradients/a', histogramOf([index])),
    ]).flat();
    const sample = {
      kind: 'system' as const,
      seq: -1,
      time: START,
      sample: 0,
      values: { 'system/cpu_percent': 7 },
    };
    const lookUps = () => comet.requests.filter(({ method }) => method === 'GET').map(({ path }) => path);
    function expectOnce(): void {
      const { metrics, assets } = comet.experiment();
      for (const name of ['a', 'b'])
        expect(metrics.filter((metric) => metric.name === name).map((metric) => metric.step)).toEqual(
          Array.from({ length: 30 }, (_, index) => index),
        );
      expect(assets.map((asset) => Number(asset.step))).toEqual(
        Array.from({ length: 30 }, (_, index) => index),
      );
      expect(comet.violations).toEqual([]);
    }
    const losing = (end: string, times: number, status: number) => {
      comet.script = ({ path }) =>
        path.endsWith(end) && times-- > 0 ? { status, afterTaking: true } : undefined;
    };

    it.each([
      ['/metric', 0],
      ['/metric', 503],
      ['/upload-asset', 0],
      ['/upload-asset', 504],
    ])('since the answer to %s was lost (%i): nothing is there twice', async (end, status) => {
      const sink = sinkOf();
      await sink.open(runOf(), contextOf());
      await sink.write(records.slice(0, 20));
      losing(end, 2, status);
      await expect(sink.write(records.slice(20, 40))).rejects.toThrow(SinkUnavailable);
      // in other batches, with something beside
      await sink.write([sample, ...records.slice(20, 33)]).catch(() => sink.write(records.slice(20, 33)));
      await sink.write([...records.slice(33), sample]);
      await sink.close('finished', {});
      expectOnce();
    });

    it('since the process died, and its note is old or was never made: nothing is there twice', async () => {
      let state: SinkState | undefined;
      for (const [from, to] of [
        [0, 20],
        [0, 36],
        [10, 50],
      ] as const) {
        const dying = sinkOf();
        await dying.open(runOf(), contextOf(state));
        await dying.write(records.slice(from, from + 10));
        if (from > 0) state = JSON.parse(JSON.stringify(dying.state())) as SinkState;
        await dying.write([sample, ...records.slice(from + 10, to)]);
      }
      const last = sinkOf();
      await last.open(runOf(), contextOf(state));
      await last.write([...records.slice(20, 30), { ...sample, time: START + 1 }]);
      await last.write(records.slice(30, 44));
      await last.write(records.slice(44));
      await last.close('finished', {});
      expectOnce();
    });

    it('looks that up once, and not at all when nothing is in doubt', async () => {
      const sink = sinkOf();
      await sink.open(runOf(), contextOf());
      await sink.write(records.slice(0, 20));
      // a run that begins may have begun before
      expect(lookUps().map((path) => path.split('/').at(-1))).toEqual(['list', 'summary']);
      await sink.write(records.slice(20, 40));
      await sink.close('killed', {});
      const resumed = sinkOf();
      await resumed.open(runOf({ attempt: 2 }), contextOf(sink.state()));
      await resumed.write(records.slice(40));
      expect(lookUps()).toHaveLength(2);
      expectOnce();
    });

    it('waits while it cannot be looked up, and goes on where it cannot ever', async () => {
      const sink = sinkOf();
      await sink.open(runOf(), contextOf());
      comet.script = ({ path }) => (path.endsWith('/summary') ? { status: 503 } : undefined);
      await expect(sink.write(records)).rejects.toThrow(SinkUnavailable);
      expect(comet.experiment().metrics).toEqual([]);
      comet.script = ({ path }) => (path.endsWith('/summary') ? { status: 404 } : undefined);
      await sink.write(records);
      expectOnce();
    });

    it('has the last values of a long run once, whatever fails at its end', async () => {
      const sink = sinkOf();
      await sink.open(runOf(), contextOf());
      for (let at = 0; at < 6000; at += 1000)
        await sink.write(
          Array.from({ length: 1000 }, (_, index) => step(1 + at + index, at + index, { a: at })),
        );
      const before = comet.experiment().metrics.length;
      for (const end of ['/metric', '/set-start-end-time']) {
        losing(end, 1, 503);
        await expect(sink.close('finished', {})).rejects.toThrow(SinkUnavailable);
      }
      await sink.close('finished', {});
      expect(comet.experiment().metrics).toHaveLength(before + 1);
      expect(comet.experiment().metrics.at(-1)).toMatchObject({ step: 5999 });
    });
  });

  it('is one experiment by the key of its id, whichever process opens it; other ranks have their own', async () => {
    await sinkOf().open(runOf());
    await sinkOf().open(runOf());
    expect(comet.experiments.size).toBe(1);
    await sinkOf().open(runOf({ rank: 1 }));
    expect(comet.experiments.size).toBe(2);
    const own = 'abcdefghijklmnopqrstuvwxyz012345';
    await sinkOf({ experimentKey: own }).open(runOf());
    expect(comet.experiments.has(own)).toBe(true);
  });
});

describe('what Comet answers', () => {
  it.each([
    [401, SinkUnauthorized],
    [402, SinkUnauthorized],
    [403, SinkUnauthorized],
    [404, SinkUnauthorized],
    [400, SinkRefused],
    [422, SinkRefused],
    [429, SinkUnavailable],
    [500, SinkUnavailable],
    [503, SinkUnavailable],
    [0, SinkUnavailable],
  ])('%i is what it means for a sink', async (status, kind) => {
    const sink = sinkOf();
    await sink.open(runOf());
    comet.script = ({ path }) => (path.endsWith('/metric') ? { status } : undefined);
    await expect(sink.write([step(1, 0, { a: 1 })])).rejects.toThrow(kind);
    comet.script = () => undefined;
    await sink.write([step(1, 0, { a: 1 }), step(2, 1, { a: 2 })]);
    expect(comet.experiment().metrics.map(({ value }) => value)).toEqual([1, 2]);
  });

  it('says when to come back by either header', async () => {
    const sink = sinkOf();
    await sink.open(runOf());
    comet.script = () => ({ status: 429, headers: { 'retry-after': '7' } });
    await expect(sink.write([])).rejects.toMatchObject({ retryAfterMs: 7000 });
    comet.script = () => ({ status: 429, headers: { 'retry-after-custom': '9' } });
    await expect(sink.write([])).rejects.toMatchObject({ retryAfterMs: 9000 });
  });

  it('never brings the key into a message', async () => {
    const wrong = 'very-secret-key';
    const error = await sinkOf({ apiKey: wrong })
      .open(runOf())
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SinkUnauthorized);
    expect(String((error as Error).stack)).not.toContain(wrong);
  });
});
