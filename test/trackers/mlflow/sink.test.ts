import { afterEach, describe, expect, it } from 'vitest';
import {
  checkMlflow,
  type MlflowOptions,
  SinkRefused,
  SinkUnauthorized,
  SinkUnavailable,
  type SinkRecord,
  type SinkRun,
} from '../../../src/trackers/index.ts';
import { MlflowSink, mlflowSettings } from '../../../src/trackers/mlflow/index.ts';
import { sinkRun } from '../forwarder/memory-source.ts';
import { type Answer, type Asked, refusal, type StandIn, startStandIn } from './stand-in.ts';

let standIn: StandIn | undefined;
afterEach(async () => {
  await standIn?.close();
  standIn = undefined;
});

const warnings: string[] = [];

async function opened(
  answer?: (asked: Asked) => Answer | undefined,
  facts: Partial<SinkRun> = {},
  options: MlflowOptions = {},
): Promise<{ sink: MlflowSink; server: StandIn }> {
  const server = (standIn = await startStandIn(answer));
  const sink = sinkOf(server, options);
  await sink.open(sinkRun(facts), context());
  return { sink, server };
}

function sinkOf(server: StandIn, options: MlflowOptions = {}): MlflowSink {
  return new MlflowSink(mlflowSettings({ trackingUri: server.url, ...options }, { env: {}, warn: () => {} }));
}

function context(state?: Record<string, string>) {
  warnings.length = 0;
  return { state, warn: (message: string) => void warnings.push(message), requestStop: () => {} };
}

const step = (number: number, values: Record<string, number>, time = 1000.75): SinkRecord => ({
  kind: 'step',
  seq: number + 1,
  time,
  step: number,
  epoch: undefined,
  values,
});
const pairs = (asked: Asked[], what: 'params' | 'tags'): Record<string, string> =>
  Object.fromEntries(
    asked.flatMap(({ body }) =>
      ((body[what] ?? []) as { key: string; value: string }[]).map(({ key, value }) => [key, value]),
    ),
  );

describe('values', () => {
  it('go as the server can hold them: names for what JSON has none for, whole timestamps and steps', async () => {
    const { sink, server } = await opened();
    await sink.write([step(3, { a: Number.NaN, b: Infinity, c: -Infinity, d: -0, e: 1e-7 })]);
    const [tags, metrics] = server.to('log-batch');
    expect(tags?.body['tags']).toEqual([{ key: 'nonfinite', value: expect.stringContaining('true') }]);
    expect(metrics?.text).toBe(
      '{"run_id":"m1","metrics":[' +
        [
          ['a', '"NaN"'],
          ['b', '"Infinity"'],
          ['c', '"-Infinity"'],
          ['d', '-0.0'],
          ['e', '1e-7'],
        ]
          .map(([key, value]) => `{"key":"${key}","value":${value},"timestamp":1000,"step":3}`)
          .join(',') +
        ']}',
    );
    // the tag is not repeated
    await sink.write([step(4, { a: Number.NaN })]);
    expect(server.to('log-batch').filter(({ body }) => 'tags' in body)).toHaveLength(1);
  });

  it('go in requests of 1000, also those of one step', async () => {
    const { sink, server } = await opened();
    await sink.write([
      step(0, Object.fromEntries(Array.from({ length: 2500 }, (_, index) => [`k${index}`, 1]))),
    ]);
    expect(server.to('log-batch').map(({ body }) => (body['metrics'] as unknown[]).length)).toEqual([
      1000, 1000, 500,
    ]);
  });

  it('of the system have the names that the page groups, in its units, and the sample as step', async () => {
    const { sink, server } = await opened();
    const values = {
      'system/cpu_percent': 12.345,
      'system/memory_used_gb': 1,
      'gpu_1/gpu_utilization': 0.5,
      'gpu_1/power_usage': 301.26,
      'process/memory_rss_gb': 0.123,
    };
    await sink.write([{ kind: 'system', seq: -1, time: 5000, sample: 4, values }]);
    const metrics = server.to('log-batch')[0]?.body['metrics'] as {
      key: string;
      value: number;
      step: number;
    }[];
    expect(Object.fromEntries(metrics.map(({ key, value }) => [key, value]))).toEqual({
      'system/cpu_utilization_percentage': 12.3,
      'system/system_memory_usage_megabytes': 1073.7,
      'system/gpu_1_utilization_percentage': 50,
      'system/gpu_1_power_usage_watts': 301.3,
      'system/process_memory_rss_gb': 0.123,
    });
    expect(metrics.every(({ step: sample }) => sample === 4)).toBe(true);
  });

  it('that an older server has already do not keep the others out', async () => {
    const has = new Set(['nan']);
    const { sink, server } = await opened(({ path, body }) => {
      if (!path.endsWith('log-batch')) return undefined;
      const metrics = (body['metrics'] ?? []) as { key: string }[];
      return metrics.some(({ key }) => has.has(key))
        ? refusal(400, 'BAD_REQUEST', 'UNIQUE constraint failed: metrics.key')
        : undefined;
    });
    await sink.write([step(0, { nan: Number.NaN, other: Number.NaN, number: 1 })]);
    const sent = server
      .to('log-batch')
      .map(({ body }) => ((body['metrics'] ?? []) as { key: string }[]).map(({ key }) => key));
    expect(sent.slice(-3)).toEqual([['number'], ['nan'], ['other']]);
  });
});

describe('a run', () => {
  it('is found again by its id before it is made, and made with what the page shows', async () => {
    const { server } = await opened(undefined, {
      source: {
        command: 'node train.mjs --lr 1',
        'git.commit': 'abc',
        'git.branch': 'main',
        'git.remote': 'https://x/y',
      },
      params: { lr: 1, model: { layers: 2 }, list: [1, Number.NaN], nothing: null },
      tags: { team: 'red', plain: true },
    });
    expect(server.to('runs/search')[0]?.body['filter']).toBe(
      "tags.`llm.run.id` = 'r1' AND tags.`llm.rank` = '0'",
    );
    const created = server.to('runs/create')[0]?.body as {
      tags: { key: string; value: string }[];
      start_time: number;
    };
    expect(created.start_time).toBe(1_700_000_000_000);
    expect(Object.fromEntries(created.tags.map(({ key, value }) => [key, value]))).toMatchObject({
      'mlflow.runName': 'calm river 1',
      'mlflow.source.name': 'train.mjs',
      'mlflow.source.type': 'LOCAL',
      'mlflow.source.git.commit': 'abc',
      'mlflow.source.git.branch': 'main',
      'mlflow.source.git.repoURL': 'https://x/y',
      'llm.run.id': 'r1',
    });
    expect(pairs(server.to('log-batch'), 'params')).toEqual({
      lr: '1',
      'model.layers': '2',
      list: '[1,"NaN"]',
      nothing: 'null',
    });
    expect(pairs(server.to('log-batch'), 'tags')).toEqual({ team: 'red', plain: 'true' });
  });

  it('that was there is gone on with; a changed parameter becomes a tag, since the server refuses it', async () => {
    const { sink, server } = await opened(
      ({ path }) =>
        path.endsWith('runs/search')
          ? {
              runs: [
                {
                  info: { run_id: 'old', experiment_id: '7', status: 'KILLED', artifact_uri: '' },
                  data: { params: [{ key: 'lr', value: '1' }] },
                },
              ],
            }
          : undefined,
      { params: { lr: 1 } },
    );
    expect(server.to('runs/create')).toEqual([]);
    expect(server.to('runs/update')[0]?.body).toEqual({ run_id: 'old', status: 'RUNNING' });
    await sink.write([{ kind: 'params', seq: 1, time: 1, params: { lr: 2, more: 3 } }]);
    expect(pairs(server.to('log-batch'), 'params')).toEqual({ more: '3' });
    expect(pairs(server.to('log-batch'), 'tags')).toEqual({ 'param_changed.lr': '2' });
  });

  it('that it remembers is not begun again: what was recorded later is not overwritten', async () => {
    const server = (standIn = await startStandIn());
    await sinkOf(server).open(sinkRun({ tags: { a: 'first' }, params: { lr: 1 } }), context({ runId: 'm1' }));
    expect(server.asked.map(({ path }) => path.split('/').at(-1))).toEqual(['get']);
  });

  it('that was deleted waits for its restoration', async () => {
    const server = (standIn = await startStandIn(() => ({
      run: { info: { run_id: 'm1', experiment_id: '7', lifecycle_stage: 'deleted' } },
    })));
    await expect(sinkOf(server).open(sinkRun(), context({ runId: 'm1' }))).rejects.toThrow(
      /runs restore --run-id m1/,
    );
  });

  it('takes an experiment that another process made first, and brings back a deleted one', async () => {
    let gets = 0;
    const { server } = await opened(({ path }) => {
      if (path.endsWith('experiments/get-by-name'))
        return gets++ === 0
          ? refusal(404, 'RESOURCE_DOES_NOT_EXIST', 'no')
          : { experiment: { experiment_id: '9', lifecycle_stage: 'deleted' } };
      if (path.endsWith('experiments/create')) return refusal(400, 'RESOURCE_ALREADY_EXISTS', 'there');
      return undefined;
    });
    expect(server.to('experiments/restore')[0]?.body).toEqual({ experiment_id: '9' });
    expect(server.to('runs/create')[0]?.body['experiment_id']).toBe('9');
    expect(warnings.join()).toMatch(/was deleted/);
  });

  it('ends with its status, its time and its summary', async () => {
    const { sink, server } = await opened();
    await sink.write([step(8, { a: 1 })]);
    await sink.close('failed', { best: 0.5, note: 'x' }, undefined, 2000.5);
    expect(server.to('runs/update').at(-1)?.body).toEqual({ run_id: 'm1', status: 'FAILED', end_time: 2000 });
    expect(
      server.asked.some(({ text }) =>
        text.includes('{"key":"summary/best","value":0.5,"timestamp":2000,"step":0}'),
      ),
    ).toBe(true);
    expect(pairs(server.to('log-batch'), 'tags')).toMatchObject({ 'summary.note': 'x' });
  });
});

describe('an answer', () => {
  const HTML = '<html><body>no</body></html>';
  it.each([
    [
      '503 with Retry-After',
      { status: 503, text: HTML, headers: { 'retry-after': '7' } },
      SinkUnavailable,
      /503/,
    ],
    ['500', { status: 500, text: HTML }, SinkUnavailable, /500/],
    ['429', refusal(429, 'REQUEST_LIMIT_EXCEEDED', 'slow'), SinkUnavailable, /slow/],
    ['401', { status: 401, text: 'You are not authenticated' }, SinkUnauthorized, /MLFLOW_TRACKING_USERNAME/],
    ['403', { status: 403, text: 'Permission denied' }, SinkUnauthorized, /Permission denied/],
    [
      'the host check',
      { status: 403, text: 'Invalid Host header - possible DNS rebinding attack detected' },
      SinkUnauthorized,
      /--allowed-hosts "127\.0\.0\.1:\*/,
    ],
    ['a page that is no MLflow', { status: 404, text: HTML }, SinkUnavailable, /check tracking_uri/],
    ['200 with a page', { status: 200, text: HTML }, SinkUnavailable, /is it an MLflow server/],
    [
      'a redirection',
      { status: 302, text: '', headers: { location: 'https://x' } },
      SinkUnavailable,
      /https:\/\/x/,
    ],
    [
      '400 since the run was deleted meanwhile',
      refusal(
        400,
        'INVALID_PARAMETER_VALUE',
        "The run m1 must be in the 'active' state. Current state is deleted.",
      ),
      SinkUnavailable,
      /restore it/,
    ],
    ['400', refusal(400, 'INVALID_PARAMETER_VALUE', 'metrics[3].name'), SinkRefused, /metrics\[3\]\.name/],
  ])('%s is understood', async (_, answer, kind, message) => {
    const { sink } = await opened(({ path }) => (path.endsWith('log-batch') ? answer : undefined));
    const error: unknown = await sink.write([step(0, { a: 1 })]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
    if (error instanceof SinkUnavailable && error.message.includes('503'))
      expect(error.retryAfterMs).toBe(7000);
  });

  it('that does not come, since nobody listens, is unavailable', async () => {
    const server = await startStandIn();
    await server.close();
    await expect(sinkOf(server).open(sinkRun(), context())).rejects.toThrow(SinkUnavailable);
    await expect(sinkOf(server).open(sinkRun(), context())).rejects.toThrow(/nothing listens there/);
  });
});

describe('the check of a server', () => {
  const states = async (answer?: (asked: Asked) => Answer | undefined, options: MlflowOptions = {}) => {
    const server = (standIn = await startStandIn(answer));
    return checkMlflow({ trackingUri: server.url, ...options }, {});
  };

  it('is content with a good one', async () => {
    expect((await states()).map(({ state }) => state)).toEqual(['ok', 'ok']);
  });

  it('knows the host check, which /version passes, and says what to do', async () => {
    const found = await states(({ path }) =>
      path === '/version'
        ? undefined
        : { status: 403, text: 'Invalid Host header - possible DNS rebinding attack detected' },
    );
    expect(found.at(-1)).toMatchObject({ state: 'fail', advice: expect.stringContaining('--allowed-hosts') });
  });

  it('warns of an old version, and of what is no MLflow', async () => {
    const old = await states(({ path }) =>
      path === '/version' ? { status: 200, text: '2.9.1' } : undefined,
    );
    expect(old[0]).toMatchObject({ state: 'warn', message: expect.stringContaining('2.9.1') });
    await standIn?.close();
    const other = await states(() => ({ status: 404, text: '<html>' }));
    expect(other.at(-1)).toMatchObject({
      state: 'fail',
      message: expect.stringContaining('check tracking_uri'),
    });
  });

  it('says what is wrong with an address that is none', async () => {
    expect((await checkMlflow({ trackingUri: './mlruns' }, {}))[0]).toMatchObject({ state: 'fail' });
    expect((await checkMlflow({ trackingUri: 'sqlite:///x.db' }, {}))[0]?.message).toMatch(/mlflow server/);
  });
});
