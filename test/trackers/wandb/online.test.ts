import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  SinkRefused,
  SinkUnauthorized,
  SinkUnavailable,
  type SinkState,
} from '../../../src/trackers/index.ts';
import { type WandbOptions, wandbSettings } from '../../../src/trackers/wandb/config.ts';
import { WandbOnlineSink } from '../../../src/trackers/wandb/online-sink.ts';
import { SinkForwarder } from '../../../src/trackers/forwarder/forwarder.ts';
import { NO_PROGRESS } from '../../../src/trackers/forwarder/progress.ts';
import { MemorySource } from '../forwarder/memory-source.ts';
import { contextOf, runOf, START, step } from './records.ts';
import { WandbStandIn } from './stand-in.ts';

let wandb: WandbStandIn;
beforeEach(async () => {
  wandb = await new WandbStandIn().listen();
});
afterEach(() => wandb.close());

function sinkOf(options: WandbOptions = {}, env: Record<string, string> = {}): WandbOnlineSink {
  const settings = wandbSettings(options, {
    env: { WANDB_BASE_URL: wandb.url, WANDB_API_KEY: wandb.key, ...env },
    warn: () => {},
  });
  if (!settings) throw new Error('no sink');
  return new WandbOnlineSink(settings);
}

async function openedSink(options: WandbOptions = {}, context = contextOf()): Promise<WandbOnlineSink> {
  const sink = sinkOf(options);
  await sink.open(runOf(), context);
  return sink;
}

const posts = () => wandb.requests.filter(({ path }) => path.endsWith('file_stream'));

describe('a run that is sent to W&B', () => {
  it('is there as its own client would have left it', async () => {
    const sink = await openedSink({ tags: ['llm'], jobType: 'training', notes: 'a note', entity: 'tester' });
    await sink.write([
      step(1, 0, { 'train/loss': 1, 'train/grad_norm': Number.NaN }),
      step(2, 1, { 'train/loss': 0.5, 'train/grad_norm': Infinity }, 0.25),
      step(3, 1, { 'val/loss': 0.75 }),
      { kind: 'params', seq: 4, time: START + 4000, params: { extra: 5 } },
      { kind: 'tags', seq: 5, time: START + 5000, tags: { late: true } },
    ]);
    await sink.write([step(6, 2, { 'train/loss': 0.25 })]);
    await sink.close('failed', { best: 0.25 }, undefined, START + 9900);

    const run = wandb.run();
    expect(run).toMatchObject({
      name: 'k3v9x1',
      project: 'my-llm',
      displayName: 'night-run',
      group: 'g1',
      jobType: 'training',
      notes: 'a note',
      tags: ['llm', 'debug', 'team:a', 'late'],
      commit: 'a'.repeat(40),
      repo: 'https://example.com/me/llm.git',
      host: 'gpu-1',
      program: 'train.mjs',
      exitCode: 1,
    });
    const { _wandb: own, ...config } = run.config;
    expect(config).toEqual({
      lr: { value: 0.1 },
      model: { value: { layers: 3, name: 'x' } },
      list: { value: [1, 2] },
      extra: { value: 5 },
    });
    expect(own?.value).toMatchObject({ t: {}, m: [] });
    const time = (seq: number) => ({ _timestamp: START / 1000 + seq, _runtime: seq });
    expect(run.history).toEqual([
      { 'train/loss': 1, 'train/grad_norm': Number.NaN, _step: 0, ...time(1) },
      {
        'train/loss': 0.5,
        'train/grad_norm': Infinity,
        'train/epoch': 0.25,
        'val/loss': 0.75,
        _step: 1,
        ...time(3),
      },
      { 'train/loss': 0.25, _step: 2, ...time(6) },
    ]);
    expect(run.summary).toEqual({
      'train/loss': 0.25,
      'train/grad_norm': Infinity,
      'train/epoch': 0.25,
      'val/loss': 0.75,
      _step: 2,
      ...time(6),
      best: 0.25,
      _wandb: { runtime: 9 },
    });
    expect(JSON.parse(Buffer.from(run.files.get('wandb-metadata.json') ?? []).toString())).toMatchObject({
      program: 'train.mjs',
      args: ['--lr', '0.1'],
      git: { commit: 'a'.repeat(40) },
    });
    expect(sink.url()).toBe(`${wandb.url}/tester/my-llm/runs/k3v9x1`);
    expect(wandb.violations).toEqual([]);
  });

  it('has system metrics under names that the page knows, and what was printed', async () => {
    const sink = await openedSink();
    await sink.write([
      {
        kind: 'system',
        seq: -1,
        time: START + 1000,
        sample: 0,
        values: {
          'process/cpu_percent': 3,
          'process/memory_rss_gb': 0.5,
          'system/memory_percent': 40,
          'gpu_1/gpu_utilization': 0.5,
          'gpu_1/memory_used_gb': 2,
          'system/network_receive_bytes_per_second': 7,
          'gpu_1/temperature': Number.NaN,
        },
      },
      { kind: 'console', seq: -1, time: START + 2000, stream: 'stdout', text: 'two\nlines' },
      { kind: 'console', seq: -1, time: START + 3000, stream: 'stderr', text: 'oops' },
    ]);
    expect(wandb.run().events).toEqual([
      {
        _wandb: true,
        _timestamp: START / 1000 + 1,
        _runtime: 1,
        'system.cpu': 3,
        'system.proc.memory.rssMB': 512,
        'system.memory_percent': 40,
        'system.gpu.1.gpu': 50,
        'system.gpu.1.memoryAllocatedBytes': 2 * 1024 ** 3,
        'system.network_receive_bytes_per_second': 7,
      },
    ]);
    expect(wandb.run().output).toEqual([
      '2026-11-24T12:00:02.000000 two',
      '2026-11-24T12:00:02.000000 lines',
      'ERROR 2026-11-24T12:00:03.000000 oops',
    ]);
    const silent = sinkOf({ console: false, runId: 'silent' });
    await silent.open(runOf());
    await silent.write([{ kind: 'console', seq: -1, time: START, stream: 'stdout', text: 'secret' }]);
    expect(wandb.runs.get('tester/my-llm/silent')?.output).toEqual([]);
  });

  it('makes alerts of severe notes, each once', async () => {
    const sink = await openedSink();
    const notes = (['info', 'warning', 'error'] as const).map((severity, index) => ({
      kind: 'note' as const,
      seq: index + 1,
      time: START + 1000,
      severity,
      text: `a ${severity}\nwith more`,
    }));
    await sink.write(notes);
    await sink.write(notes);
    expect(wandb.run().alerts).toEqual([
      { title: 'a warning', text: 'a warning\nwith more', severity: 'WARN', waitDuration: 60_000 },
      { title: 'a error', text: 'a error\nwith more', severity: 'ERROR', waitDuration: 60_000 },
    ]);
    expect(wandb.run().output).toContain('2026-11-24T12:00:01.000000 [info] a info');
  });

  it.each([
    ['info', ['a info', 'a warning', 'a error']],
    ['error', ['a error']],
    ['none', []],
  ] as const)('makes alerts from severity %s on, when it was told so', async (alerts, expected) => {
    const sink = await openedSink({ alerts });
    await sink.write(
      (['debug', 'info', 'warning', 'error'] as const).map((severity, index) => ({
        kind: 'note',
        seq: index + 1,
        time: START,
        severity,
        text: `a ${severity}`,
      })),
    );
    expect(wandb.run().alerts.map(({ title }) => title)).toEqual(expected);
  });

  it('keeps its rows when an alert is not taken, which is told', async () => {
    const context = contextOf();
    const sink = await openedSink({}, context);
    wandb.script = ({ operation }) =>
      operation === 'NotifyScriptableRunAlert' ? { status: 500 } : undefined;
    const note = { kind: 'note' as const, seq: 2, time: START, severity: 'error', text: 'hot' };
    await sink.write([step(1, 0, { a: 1 }), note, step(3, 1, { a: 2 })]);
    await sink.close('finished', {});
    expect(wandb.run().history).toHaveLength(2);
    expect(context.warnings).toEqual([expect.stringMatching(/alert was not taken/)]);
  });

  it('never gets the parameters that stay here, nested and later ones included', async () => {
    const source = new MemorySource(
      runOf({ params: { lr: 1, api_key: 'hush', model: { secrets: ['hush'], layers: 3 } } }),
    );
    source.params({ api_key: 'hush', extra: 5 });
    source.end('finished');
    const forwarder = new SinkForwarder({
      sink: sinkOf(),
      source,
      progress: NO_PROGRESS,
      selection: { configExcludeKeys: ['api_key', 'secrets'] },
    });
    await forwarder.drain({ milliseconds: 10_000 });
    await forwarder.stop();
    const { _wandb: _own, ...config } = wandb.run().config;
    expect(config).toEqual({ lr: { value: 1 }, model: { value: { layers: 3 } }, extra: { value: 5 } });
    expect(wandb.requests.filter(({ body }) => body.includes('hush'))).toEqual([]);
  });

  it('has the sources of its program when asked for, but only in its own process', async () => {
    const context = contextOf();
    const sink = sinkOf({ logCode: true });
    await sink.open(runOf({ pid: process.pid }), context);
    await sink.close('finished', {});
    const files = [...wandb.run().files.keys()];
    expect(files).toContain('code/package.json');
    expect(files.filter((name) => name.includes('node_modules'))).toEqual([]);
    wandb.runs.clear();
    await sinkOf({ logCode: true }).open(runOf({ pid: -1 }), context);
    expect([...wandb.run().files.keys()]).toEqual(['wandb-metadata.json']);
    expect(context.warnings.at(-1)).toMatch(/^log_code: the code is where the run is/);
  });

  it('is told when somebody pressed Stop, by a heartbeat too', async () => {
    const context = contextOf();
    const sink = await openedSink({}, context);
    await sink.write([]);
    expect(context.stops).toEqual([]);
    wandb.run().stopRequested = true;
    await sink.write([]);
    expect(context.stops).toEqual(['the Stop button of the W&B page']);
    expect(posts().at(-1)?.body).toBe('{}');
  });

  it('keeps a parameter that is not finite as its word, and never sends null for it', async () => {
    const sink = sinkOf();
    await sink.open(runOf({ params: { decay: Number.NaN, clip: [Infinity] } }));
    expect(wandb.run().config).toMatchObject({ decay: { value: 'NaN' }, clip: { value: ['Infinity'] } });
  });
});

describe('a run that goes on', () => {
  const records = Array.from({ length: 40 }, (_, index) =>
    step(index + 1, Math.floor(index / 2), { [index % 2 ? 'val/loss' : 'train/loss']: index }),
  );
  /** What an undisturbed run leaves. */
  async function undisturbed() {
    const other = await new WandbStandIn().listen();
    const settings = wandbSettings(
      {},
      { env: { WANDB_BASE_URL: other.url, WANDB_API_KEY: other.key }, warn: () => {} },
    );
    const sink = new WandbOnlineSink(settings as NonNullable<typeof settings>);
    await sink.open(runOf());
    await sink.write(records);
    await sink.close('finished', {}, undefined, START + 60_000);
    await other.close();
    return other.run();
  }

  it('after a crash at any call, with other batches: complete, and nothing twice', async () => {
    const expected = await undisturbed();
    let remembered: SinkState | undefined;
    let acknowledged = 0;
    // the process dies after the answer was lost, again and again; what it kept is cursor and state
    for (const [round, size] of [7, 3, 11, 1, 5, 40].entries()) {
      const sink = sinkOf();
      await sink.open(runOf(), contextOf(remembered));
      remembered = JSON.parse(JSON.stringify(sink.state())) as SinkState;
      for (let writes = 0; writes < 2 && acknowledged < records.length; writes++) {
        await sink.write(records.slice(acknowledged, acknowledged + size));
        // the second write of a round is taken, and never acknowledged
        if (writes === 1 && round < 5) break;
        acknowledged += size;
        remembered = JSON.parse(JSON.stringify(sink.state())) as SinkState;
      }
    }
    const last = sinkOf();
    await last.open(runOf(), contextOf(remembered));
    await last.close('finished', {}, undefined, START + 60_000);
    expect(wandb.run().history).toEqual(expected.history);
    expect(wandb.run().summary).toEqual(expected.summary);
    expect(wandb.run().exitCode).toBe(0);
    expect(wandb.violations).toEqual([]);
  });

  it('changes nothing that others changed on the page', async () => {
    const first = await openedSink();
    await first.write([{ kind: 'params', seq: 1, time: START, params: { lr: 0.01 } }]);
    const run = wandb.run();
    run.tags = ['by hand'];
    run.displayName = 'renamed';
    run.config['by_hand'] = { value: 1 };
    const second = sinkOf();
    await second.open(runOf(), contextOf(first.state()));
    await second.write([step(2, 0, { a: 1 })]);
    expect(run).toMatchObject({ tags: ['by hand'], displayName: 'renamed' });
    expect(run.config).toMatchObject({ by_hand: { value: 1 }, lr: { value: 0.01 } });
  });

  it('of a chosen id continues what another program wrote: lines, steps, config, tags', async () => {
    const first = await openedSink({ runId: 'shared' });
    await first.write([step(1, 0, { a: 1 }), step(2, 4, { a: 2 })]);
    await first.close('finished', {}, undefined, START + 5000);
    const second = sinkOf({ runId: 'shared', resume: 'must' });
    await second.open(
      runOf({ id: 'another', params: { more: 1 }, tags: { second: true }, startedAt: START + 9000 }),
    );
    await second.write([step(10, 2, { a: 3 }), step(11, 9, { a: 4 })]);
    await second.close('finished', {}, undefined, START + 20_000);
    const run = wandb.run();
    expect(run.history.map(({ _step, a }) => [_step, a])).toEqual([
      [0, 1],
      [4, 2],
      [5, 3],
      [9, 4],
    ]);
    expect(run.tags).toEqual(['debug', 'team:a', 'second']);
    expect(run.config).toMatchObject({ lr: { value: 0.1 }, more: { value: 1 } });
    expect(wandb.violations).toEqual([]);
  });

  it('is refused when it must be there and is not, or must not and is', async () => {
    await expect(sinkOf({ runId: 'x', resume: 'must' }).open(runOf())).rejects.toThrow(SinkRefused);
    const first = await openedSink({ runId: 'x' });
    await first.close(undefined, {});
    await expect(sinkOf({ runId: 'x', resume: 'never' }).open(runOf())).rejects.toThrow(/is at W&B already/);
  });

  it('whose steps went back is told once, and loses none', async () => {
    const context = contextOf();
    const sink = await openedSink({}, context);
    await sink.write([
      step(1, 10, { a: 1 }),
      step(2, 11, { a: 2 }),
      step(3, 10, { a: 3 }),
      step(4, 11, { a: 4 }),
    ]);
    await sink.close('finished', {});
    expect(wandb.run().history.map(({ _step, a, ...rest }) => [_step, a, rest['train/global_step']])).toEqual(
      [
        [10, 1, undefined],
        [11, 2, undefined],
        [12, 3, 10],
        [13, 4, 11],
      ],
    );
    expect(context.warnings).toHaveLength(1);
    expect(wandb.violations).toEqual([]);
  });
});

describe('what W&B answers', () => {
  it.each([
    [401, SinkUnauthorized],
    [403, SinkUnauthorized],
    [404, SinkUnauthorized],
    [400, SinkRefused],
    [413, SinkRefused],
    [422, SinkRefused],
    [409, SinkUnavailable],
    [429, SinkUnavailable],
    [500, SinkUnavailable],
    [503, SinkUnavailable],
    [0, SinkUnavailable],
  ])('%i is what it means for a sink, and is not tried again by it', async (status, kind) => {
    const sink = await openedSink();
    wandb.script = ({ path }) => (path.endsWith('file_stream') ? { status } : undefined);
    await expect(sink.write([step(1, 0, { a: 1 })])).rejects.toThrow(kind);
    // a kept connection that breaks may have been stale: that alone is tried once more
    expect(posts().length).toBeLessThanOrEqual(status === 0 ? 2 : 1);
    wandb.script = () => undefined;
    await sink.write([step(1, 0, { a: 1 }), step(2, 1, { a: 2 })]);
    await sink.close('finished', {});
    expect(wandb.run().history.map(({ a }) => a)).toEqual([1, 2]);
  });

  it('with Retry-After, or its own rate limit, says when to come back', async () => {
    const sink = await openedSink();
    wandb.script = () => ({ status: 429, headers: { 'retry-after': '7' } });
    await expect(sink.write([])).rejects.toMatchObject({ retryAfterMs: 7000 });
    wandb.script = () => ({ status: 429, headers: { 'ratelimit-reset': '3' } });
    await expect(sink.write([])).rejects.toMatchObject({ retryAfterMs: 3000 });
  });

  it('of GraphQL may be an error with status 200', async () => {
    wandb.script = () => ({
      status: 200,
      body: JSON.stringify({ errors: [{ message: 'permission denied' }], data: null }),
    });
    await expect(sinkOf().open(runOf())).rejects.toThrow(SinkUnauthorized);
    wandb.script = () => ({ status: 200, body: '<html>a proxy</html>' });
    await expect(sinkOf().open(runOf())).rejects.toThrow(/WANDB_BASE_URL/);
  });

  it('without a key is not even asked, and the message says where to get one', async () => {
    const sink = sinkOf({}, { WANDB_API_KEY: '', NETRC: '/nowhere', HOME: '/nowhere' });
    await expect(sink.open(runOf())).rejects.toThrow(/WANDB_API_KEY/);
    expect(wandb.requests).toEqual([]);
  });

  it('never brings the key into a message', async () => {
    const wrong = 'f'.repeat(40);
    const error = await sinkOf({ apiKey: wrong })
      .open(runOf())
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SinkUnauthorized);
    expect(String((error as Error).stack)).not.toContain(wrong);
  });
});
