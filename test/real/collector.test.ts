/** The shipped configuration in a real Collector: what it accepts, what it sends where, and the demonstration through it. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkEnvironment,
  CONFIG_FOLDER,
  findCollector,
  fileSource,
  findingText,
  neededComponents,
  planCollector,
  validateByCollector,
} from '../../src/collector/index.ts';
import { COLLECTOR_DESTINATIONS } from '../../src/config/index.ts';
import { openStore } from '../../src/hub/store/index.ts';
import type { TracesRequest } from '../../src/otlp/index.ts';
import { demonstrate } from './collector/demonstration.ts';
import { differences, recordsOfFiles, recordsOfStore } from './collector/records.ts';
import { post, startReal, startSink } from './collector/running.ts';

const ENV = {
  PATH: process.env['PATH'] ?? '',
  WANDB_API_KEY: 'weave-key',
  WANDB_ENTITY: 'my-team',
  WANDB_PROJECT: 'my-llm',
  OPIK_API_KEY: 'opik-key',
  OPIK_WORKSPACE: 'my-workspace',
  OTLP_ENDPOINT: 'http://127.0.0.1:9',
  MLFLOW_RUN_ID: 'run-1',
  MLFLOW_AUTHORIZATION: 'Basic abcdef',
  LLM_OTEL_HUB_TOKEN: 'a-token-of-enough-length',
  OTLP_AUTHORIZATION: 'Bearer abcdef',
  REMOTE_WRITE_AUTHORIZATION: 'Bearer abcdef',
  GATEWAY_ENDPOINT: 'http://127.0.0.1:9',
  GATEWAY_TOKEN: 'a-token-of-enough-length',
};
const everything = planCollector({ destinations: COLLECTOR_DESTINATIONS, env: ENV, spanMetrics: true });
const { found, passedOver } = await findCollector({
  env: process.env,
  needed: neededComponents(everything.sources),
});
const binary = found?.path ?? '';
if (!found)
  process.stderr.write(
    `skipped: collector: none found ($OTELCOL, PATH, cache)${passedOver.map((p) => `; ${p.path}: ${p.reason}`).join('')}\n`,
  );

/** None, all, each alone, all but each, and every pair: what one file takes from another shows in a pair. */
const SETS = [
  [],
  [...COLLECTOR_DESTINATIONS],
  ...COLLECTOR_DESTINATIONS.map((one) => [one]),
  ...COLLECTOR_DESTINATIONS.map((one) => COLLECTOR_DESTINATIONS.filter((other) => other !== one)),
  ...COLLECTOR_DESTINATIONS.flatMap((a, i) => COLLECTOR_DESTINATIONS.slice(i + 1).map((b) => [a, b])),
];

describe.skipIf(!found)('a real Collector', () => {
  it('takes every set of destinations, as files and as the one that is composed of them', {
    timeout: 300_000,
  }, async () => {
    for (const destinations of SETS) {
      const plan = planCollector({ destinations, env: ENV });
      const env = checkEnvironment(plan, ENV) as NodeJS.ProcessEnv;
      const what = destinations.join() || 'none';
      expect(await validateByCollector(binary, plan.sources, { env }), what).toEqual([]);
      expect(await validateByCollector(binary, [{ name: 'final', text: plan.yaml }], { env }), what).toEqual(
        [],
      );
    }
    expect(await validateByCollector(binary, everything.sources, { env: ENV })).toEqual([]);
  });

  it.each(['agent', 'gateway', 'agent-kafka', 'gateway-kafka'])('takes scale/%s.yaml', async (name) => {
    const sources = ['base.yaml', `scale/${name}.yaml`].map((file) => fileSource(join(CONFIG_FOLDER, file)));
    expect(await validateByCollector(binary, sources, { env: ENV })).toEqual([]);
  });

  it.each([
    [
      'exporters:\n  otlp_http/hub:\n    timeot: 5s\n',
      'my.yaml:3:5: error: exporters.otlp_http/hub.timeot: has invalid keys: timeot',
    ],
    [
      'exporters:\n  otlp_http/hub: {timeout: 5parsecs}\n',
      'my.yaml:2:19: error: exporters.otlp_http/hub.timeout: time: unknown unit',
    ],
    [
      'exporters:\n  otlp_http/x: {}\n',
      'my.yaml:2:3: error: exporters.otlp_http/x: at least one endpoint must be specified',
    ],
    [
      'service:\n  pipelines:\n    traces/x: {receivers: [nobody], exporters: [nop/none]}\n',
      'my.yaml:3:5: error: service.pipelines.traces/x: references receiver "nobody" which is not configured',
    ],
  ])('refuses a broken overlay, and we say where: %j', async (text, expected) => {
    const plan = planCollector({ destinations: ['hub'] });
    const findings = await validateByCollector(binary, [...plan.sources, { name: 'my.yaml', text }], {
      env: ENV,
    });
    expect(findings.map((finding) => findingText(finding).replace(/ in duration.*/, ''))[0]).toContain(
      expected,
    );
  });
});

const TEXT = 'the text of a prompt';
/** A generation whose text is under the names of several conventions, below a request. */
const traces = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'server' } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: '0102030405060708090a0b0c0d0e0f10',
              spanId: '0102030405060708',
              name: 'POST /v1/chat',
              kind: 2,
              startTimeUnixNano: '1764022222000000000',
              endTimeUnixNano: '1764022223000000000',
            },
            {
              traceId: '0102030405060708090a0b0c0d0e0f10',
              spanId: '1102030405060708',
              parentSpanId: '0102030405060708',
              name: 'chat m',
              kind: 1,
              startTimeUnixNano: '1764022222000000000',
              endTimeUnixNano: '1764022223000000000',
              attributes: [
                ...[
                  'gen_ai.input.messages',
                  'gen_ai.output.messages',
                  'gen_ai.prompt.0.content',
                  'llm.input_messages.0',
                  'input.value',
                  'traceloop.entity.output',
                  'mlflow.spanInputs',
                ].map((key) => ({ key, value: { stringValue: TEXT } })),
                { key: 'gen_ai.operation.name', value: { stringValue: 'chat' } },
                { key: 'gen_ai.request.model', value: { stringValue: 'm' } },
                { key: 'gen_ai.usage.input_tokens', value: { intValue: '7' } },
              ],
              events: [
                {
                  name: 'gen_ai.content.prompt',
                  attributes: [{ key: 'gen_ai.prompt', value: { stringValue: TEXT } }],
                },
              ],
            },
          ],
        },
      ],
    },
  ],
};

const spansOf = (request: unknown) =>
  (request as TracesRequest).resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans),
  );
const json = (value: unknown) =>
  JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? Number(item) : item));

describe.skipIf(!found)('third parties', () => {
  it.each([
    [
      'mlflow',
      'MLFLOW_TRACKING_URI',
      '',
      { 'x-mlflow-experiment-id': '3', 'x-mlflow-run-id': 'run-1', authorization: 'Basic abcdef' },
    ],
    ['weave', 'WANDB_OTLP_ENDPOINT', '', { 'wandb-api-key': 'weave-key' }],
    [
      'opik',
      'OPIK_URL_OVERRIDE',
      '/v1/private/otel',
      { authorization: 'opik-key', 'comet-workspace': 'my-workspace', projectname: 'Default Project' },
    ],
    ['otlp', 'OTLP_ENDPOINT', '', { authorization: 'Bearer abcdef' }],
  ] as const)(
    '%s gets the spans and its headers, and the text only when asked for',
    async (name, address, path, headers) => {
      for (const content of [false, true]) {
        await using sink = await startSink();
        const env = { ...ENV, [address]: sink.url, MLFLOW_EXPERIMENT_ID: '3' };
        const config = { collector: { [name]: { content } } };
        await using collector = await startReal(binary, { destinations: [name, 'file'], config, env });
        expect(await post(collector.url, 'traces', traces)).toBe(200);
        const got = await sink.next();
        expect(got.path).toBe(`${path}/v1/traces`);
        expect(got.headers).toMatchObject(headers);
        const spans = spansOf(got.request);
        expect(spans.map((span) => span.name)).toEqual(
          name === 'opik' ? ['chat m'] : ['POST /v1/chat', 'chat m'],
        );
        expect(spans.at(-1)?.attributes).toMatchObject({
          'gen_ai.request.model': 'm',
          'gen_ai.usage.input_tokens': 7,
        });
        expect(json(got.request).includes(TEXT)).toBe(content);
        if (name === 'weave')
          expect((got.request as TracesRequest).resourceSpans[0]?.resource.attributes).toMatchObject({
            'wandb.entity': 'my-team',
            'wandb.project': 'my-llm',
          });
        // What stays here stays whole.
        expect(readFileSync(join(collector.files, 'traces.jsonl'), 'utf8').split(TEXT)).toHaveLength(9);
      }
    },
  );

  it('get latencies that were counted from spans', async () => {
    await using sink = await startSink();
    const env = { ...ENV, OTLP_ENDPOINT: sink.url };
    await using collector = await startReal(binary, { destinations: ['otlp'], env, spanMetrics: true });
    expect(await post(collector.url, 'traces', traces)).toBe(200);
    let got = await sink.next();
    while (got.request.signal !== 'metrics') got = await sink.next();
    const metrics = got.request.resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics),
    );
    const duration = metrics.find((metric) => metric.name === 'traces.span.metrics.duration');
    expect(duration).toMatchObject({ kind: 'histogram', unit: 's', points: [{ count: 1, sum: 1 }] });
    expect(duration?.kind === 'histogram' && duration.points[0]?.bounds.slice(0, 2)).toEqual([0.01, 0.02]);
  });
});

describe.skipIf(!found)('files', () => {
  it('keep what is not finite, exactly, and everything across a restart', async () => {
    const values = ['NaN', 'Infinity', '-Infinity', 0.1, 1e-320, -0.5];
    const point = (value: number | string, i: number) => ({
      timeUnixNano: String(1764022222_000_000_000n + BigInt(i)),
      asDouble: value,
    });
    const metrics = {
      resourceMetrics: [
        { scopeMetrics: [{ metrics: [{ name: 'a', gauge: { dataPoints: values.map(point) } }] }] },
      ],
    };
    const folder = mkdtempSync(join(tmpdir(), 'llm-otel-files-'));
    try {
      for (let start = 0; start < 2; start++) {
        await using collector = await startReal(binary, {
          destinations: ['file'],
          env: ENV,
          flags: { OTELCOL_FILES: folder },
        });
        expect(await post(collector.url, 'metrics', metrics)).toBe(200);
      }
      const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
      expect(lines).toHaveLength(2);
      for (const line of lines) {
        const parsed = JSON.parse(line) as typeof metrics;
        expect(
          parsed.resourceMetrics[0]?.scopeMetrics[0]?.metrics[0]?.gauge.dataPoints.map((p) => p.asDouble),
        ).toEqual(values);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('take the largest request that is let in, however much larger it is as JSON', async () => {
    await using collector = await startReal(binary, { destinations: ['file'], env: ENV });
    // A control character is one byte in a request and six in JSON.
    const text = '\\u0001'.repeat(3_400_000);
    const body = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"${text}"}}]}]}]}`;
    expect(body.length).toBeGreaterThan(20_000_000);
    expect(body.length).toBeLessThan(20 * 1024 * 1024);
    expect(await post(collector.url, 'logs', body)).toBe(200);
    // And the smallest things with the longest names.
    const spans = '{},'.repeat(200_000).slice(0, -1);
    expect(
      await post(collector.url, 'traces', `{"resourceSpans":[{"scopeSpans":[{"spans":[${spans}]}]}]}`),
    ).toBe(200);
    expect(await post(collector.url, 'logs', { resourceLogs: [] })).toBe(200);
    expect(existsSync(join(collector.files, 'logs.jsonl'))).toBe(true);
  });
});

describe.skipIf(!found)('the demonstration', () => {
  it('gives equal counts through the Collector, and its files hold every step, span and point that the hub holds', {
    timeout: 300_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llm-otel-demo-'));
    try {
      const stdout = await demonstrate(binary, folder);
      expect(stdout).toContain('telemetry goes to the Collector at http://127.0.0.1:');
      expect(stdout).toContain('every count is the same at both ends');

      const files = await recordsOfFiles(join(folder, 'collector', 'files'));
      const store = await openStore({ dataDir: folder });
      const hub = await recordsOfStore(store).finally(() => store.close());
      for (const kind of ['steps', 'spans', 'points'] as const) {
        expect(hub[kind].size, kind).toBeGreaterThan(16);
        expect(differences(hub[kind], files[kind]), kind).toEqual([]);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
