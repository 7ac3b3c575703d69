import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METRIC, type RunTracker } from '../../../src/conventions/index.ts';
import { openApiDocument } from '../../../src/hub/api/openapi.ts';
import { ROUTES } from '../../../src/hub/api/routes.ts';
import type { Schema } from '../../../src/hub/api/schema.ts';
import { SCHEMAS } from '../../../src/hub/api/schemas.ts';
import { packageVersion } from '../../../src/hub/server/version.ts';
import { FakeStore, gauge, histogramSeries, numberSeries, runDetail } from '../fake-store.ts';
import { problems } from '../json-schema.ts';
import { ask, startFakeHub } from '../running-hub.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

const MLFLOW: RunTracker = {
  sink: 'mlflow',
  rank: 0,
  target: 'http://127.0.0.1:5000',
  url: null,
  status: 'refusing',
  acknowledged: -1,
  lag: 3,
  sent: 0,
  retried: 2,
  refused: 1,
  refusals: [{ seq: 1, message: 'too long' }],
  dropped: 0,
  lastError: 'too long',
  lastErrorAt: 1000,
  lastSentAt: null,
};

function filledStore(): FakeStore {
  const store = new FakeStore();
  const now = Date.now();
  store.details = [
    runDetail('r1', { updatedAt: now, sinks: [MLFLOW, { sink: 'wandb', rank: 0, status: 'in_process' }] }),
    runDetail('r2', { status: 'finished', endedAt: now }),
  ];
  store.stepSeries['r1 train/loss'] = {
    step: [0, null, 2],
    time: [now - 3000, now - 2000, now - 1000],
    value: [1.5, Number.NaN, 0.5],
  };
  store.runHistogramRows = [1, 2].map((id) => ({
    id,
    rank: 0,
    name: 'gradients/a',
    step: id,
    epoch: null,
    time: now,
    edges: [0, 0.5, 1],
    counts: [3, id],
    min: 0,
    max: 1,
    sum: null,
    nan: 0,
    positiveInfinity: 1,
    negativeInfinity: 0,
  }));
  store.numbers = [
    numberSeries(
      METRIC.servingRequests.name,
      [
        [now - 20_000, 1, now - 30_000],
        [now - 10_000, 5, now - 30_000],
      ],
      {},
      { 'llm.outcome': 'completed' },
    ),
    numberSeries(
      METRIC.servingRequests.name,
      [[now - 10_000, 2, now - 20_000]],
      {},
      { 'llm.outcome': 'error', 'error.type': 'timeout' },
    ),
    numberSeries(
      METRIC.servingTokens.name,
      [[now - 10_000, 50, now - 30_000]],
      {},
      { 'gen_ai.token.type': 'output' },
    ),
    gauge(
      METRIC.systemCpuUtilization.name,
      [
        [now - 2000, 0.25],
        [now - 1000, Number.NaN],
      ],
      { 'cpu.mode': 'idle' },
    ),
  ];
  store.histogramSeries = [
    histogramSeries(
      METRIC.timeToFirstToken.name,
      [{ time: now - 10_000, start: now - 30_000, counts: [3, 1], sum: 2 }],
      [0.5],
    ),
  ];
  store.spans = [
    {
      traceId: TRACE,
      spanId: 'b7ad6b7169203331',
      parentSpanId: null,
      name: 'chat m',
      kind: 'internal',
      startTime: 1000.5,
      durationMs: 2.25,
      status: 'error',
      statusMessage: 'no',
      serviceName: 'test',
      attributes: { n: Number.POSITIVE_INFINITY, list: ['a'], nested: { b: null } },
      resource: {},
      scope: 's',
      events: [{ name: 'e', time: 1001, attributes: {} }],
      links: [],
    },
  ];
  return store;
}

/** Requests that together get a 200 of every route, and the errors that are described. */
const REQUESTS: readonly (readonly [route: string, path: string, status: number])[] = [
  ['/api/runs', '/api/runs', 200],
  ['/api/runs', '/api/runs?project=demo&status=running&limit=1', 200],
  ['/api/runs', '/api/runs?status=odd', 400],
  ['/api/runs/{id}', '/api/runs/r1', 200],
  ['/api/runs/{id}', '/api/runs/nobody', 404],
  ['/api/runs/{id}', '/api/runs/r1?x=1', 400],
  ['/api/runs/{id}/series', '/api/runs/r1/series?key=train/loss&x=time&maxPoints=0', 200],
  ['/api/runs/{id}/series', '/api/runs/r1/series', 400],
  ['/api/runs/{id}/series', '/api/runs/r1/series?key=nothing', 404],
  ['/api/runs/{id}/histograms', '/api/runs/r1/histograms', 200],
  ['/api/runs/{id}/histograms', '/api/runs/r1/histograms?name=gradients/a&rank=0&after=0&limit=1', 200],
  ['/api/runs/{id}/histograms', '/api/runs/r1/histograms?limit=0', 400],
  ['/api/runs/{id}/histograms', '/api/runs/never/histograms', 404],
  ['/api/metrics', '/api/metrics', 200],
  ['/api/metrics/query', `/api/metrics/query?name=${METRIC.systemCpuUtilization.name}`, 200],
  [
    '/api/metrics/query',
    `/api/metrics/query?name=${METRIC.servingRequests.name}&attr.llm.outcome=error`,
    200,
  ],
  ['/api/metrics/query', `/api/metrics/query?name=${METRIC.servingRequests.name}&together=true`, 200],
  ['/api/metrics/query', `/api/metrics/query?name=${METRIC.timeToFirstToken.name}&together=true`, 400],
  ['/api/metrics/query', `/api/metrics/query?name=${METRIC.timeToFirstToken.name}&agg=histogram`, 200],
  ['/api/metrics/query', `/api/metrics/query?name=${METRIC.timeToFirstToken.name}&agg=p99&maxPoints=0`, 200],
  ['/api/metrics/query', '/api/metrics/query?name=never.seen&agg=histogram', 200],
  ['/api/metrics/query', `/api/metrics/query?name=${METRIC.timeToFirstToken.name}&agg=value`, 400],
  ['/api/traces', '/api/traces?errors=1&minDurationMs=0.5&from=2026-01-01T00:00:00Z', 200],
  ['/api/traces', '/api/traces?from=yesterday', 400],
  ['/api/traces/{id}', `/api/traces/${TRACE.toUpperCase()}`, 200],
  ['/api/traces/{id}', '/api/traces/zz', 404],
  ['/api/summary', '/api/summary?minutes=60', 200],
  ['/api/summary', `/api/summary?from=${Date.now() - 600_000}&to=${Date.now()}`, 200],
  ['/api/summary', '/api/summary?minutes=0', 400],
  ['/api/summary', '/api/summary?from=5&to=5', 400],
  [
    '/api/tiles',
    '/api/tiles?keys=train/loss,api/error_rate,system/cpu_percent,gpu_3/temperature,own/key&window=6h',
    200,
  ],
  ['/api/tiles', '/api/tiles?window=soon', 400],
  ['/api/catalogue', '/api/catalogue', 200],
  ['/api/delta', '/api/delta?since=0&keys=train/loss', 200],
  ['/api/delta', '/api/delta?since=-1', 400],
  ['/api/settings', '/api/settings', 200],
  ['/healthz', '/healthz', 200],
  ['/metrics', '/metrics', 200],
  ['/api/openapi.json', '/api/openapi.json', 200],
];

describe('the OpenAPI document', () => {
  it('describes every answer of the server as it is', async () => {
    const { hub } = await startFakeHub({ slo: { time_to_first_token: 500 } }, filledStore());
    const document = JSON.parse((await ask(`${hub.url}/api/openapi.json`)).text) as {
      paths: Record<
        string,
        { get: { responses: Record<string, { content: Record<string, { schema: Schema }> }> } }
      >;
      components: { schemas: Record<string, Schema> };
    };
    for (const [route, path, status] of REQUESTS) {
      const reply = await ask(hub.url + path);
      expect([path, reply.status]).toEqual([path, status]);
      const described = document.paths[route]?.get.responses[String(status)]?.content;
      const [contentType, body] = Object.entries(described ?? {})[0] as [string, { schema: Schema }];
      expect([path, reply.headers['content-type']]).toEqual([
        path,
        expect.stringContaining(contentType.split(';')[0] as string),
      ]);
      if (contentType !== 'application/json') continue;
      expect([path, problems(JSON.parse(reply.text), body.schema, document.components.schemas)]).toEqual([
        path,
        [],
      ]);
    }
  });

  it('has every route of the server, and each is tried by the test above', () => {
    const described = Object.keys(openApiDocument(ROUTES, '1').paths as object);
    expect(described).toEqual(ROUTES.map(({ path }) => path));
    const tried = new Set(REQUESTS.filter(([, , status]) => status === 200).map(([route]) => route));
    // The event stream has tests of its own (test/hub/live).
    expect(described.filter((path) => !tried.has(path))).toEqual(['/api/live']);
  });

  it('refers only to schemas that are there, and has none that nothing refers to', () => {
    const text = JSON.stringify(openApiDocument(ROUTES, '1'));
    const referred = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
    expect(referred).toEqual(new Set(Object.keys(SCHEMAS)));
  });

  it('is the one that docs/openapi.json holds (UPDATE_DOCS=1 writes it anew)', () => {
    const file = new URL('../../../docs/openapi.json', import.meta.url);
    if (process.env.UPDATE_DOCS === '1')
      writeFileSync(file, `${JSON.stringify(openApiDocument(ROUTES, packageVersion()), null, 2)}\n`);
    const committed = readFileSync(file, 'utf8');
    const { version } = (JSON.parse(committed) as { info: { version: string } }).info;
    expect(JSON.parse(committed)).toEqual(JSON.parse(JSON.stringify(openApiDocument(ROUTES, version))));
  });
});

describe('the schema check of these tests', () => {
  it('finds what it is to find', () => {
    const schema = SCHEMAS.RunValue as Schema;
    expect(problems({ value: 'NaN', step: null, time: 1 }, schema, SCHEMAS)).toEqual([]);
    expect(problems({ value: 'nan', step: null, time: 1 }, schema, SCHEMAS)).toHaveLength(1);
    expect(problems({ value: 1, step: 1.5, time: 1 }, schema, SCHEMAS)).toHaveLength(1);
    expect(problems({ value: 1, time: 1, odd: 1 }, schema, SCHEMAS)).toHaveLength(2);
  });
});
