import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  AggregationTemporalityPreference,
  OTLPMetricExporter as JsonMetricExporter,
} from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it } from 'vitest';
import type {
  LiveUpdate,
  MetricQueryResponse,
  RunDetail,
  SeriesResponse,
  Tile,
  TraceResponse,
} from '../../../src/conventions/index.ts';
import { type Hub, startHub } from '../../../src/hub/index.ts';
import { gaugeRequest, runEnd, runRequest, runStart, send, spanRequest, step } from '../otlp-requests.ts';

const folders: string[] = [];
const hubs: Hub[] = [];
const processes: ChildProcess[] = [];
afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.stop()));
  for (const child of processes.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-hub-'));
  folders.push(folder);
  return folder;
}
async function start(options: Parameters<typeof startHub>[0] = {}): Promise<Hub> {
  const hub = await startHub({ port: 0, otlpPort: false, dataDir: dataFolder(), ...options });
  hubs.push(hub);
  return hub;
}
async function get<T>(url: string): Promise<T> {
  const response = await fetch(url);
  const body = (await response.json()) as T;
  expect([url, response.status, response.status === 200 ? '' : body]).toEqual([url, 200, '']);
  return body;
}

/** A report in the millisecond in which its counter began tells no time in which it counted: real exports come later. */
async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  while (Date.now() === now) await setImmediate();
}

describe('a hub with its store', () => {
  it.each([
    ['protobuf, cumulative', OTLPMetricExporter, AggregationTemporalityPreference.CUMULATIVE],
    ['JSON, delta', JsonMetricExporter, AggregationTemporalityPreference.DELTA],
  ] as const)('answers with what an SDK sent (%s)', async (_, Exporter, temporalityPreference) => {
    const hub = await start();
    const exporter = new Exporter({ url: `${hub.otlpUrl}/v1/metrics`, temporalityPreference });
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({
      readers: [reader],
      resource: resourceFromAttributes({ 'service.name': 'sdk', 'service.instance.id': 'a' }),
    });
    const meter = provider.getMeter('test');
    const counter = meter.createCounter('work.done', { unit: '{item}' });
    const histogram = meter.createHistogram('work.time', {
      unit: 's',
      advice: { explicitBucketBoundaries: [1, 2] },
    });
    const gauge = meter.createGauge('work.level');
    for (const [count, time, level] of [
      [3, 0.5, 1.25],
      [4, 1.5, 0.1],
    ] as const) {
      counter.add(count, { kind: 'x' });
      histogram.record(time);
      gauge.record(level);
      await nextMillisecond();
      await provider.forceFlush();
    }
    await provider.shutdown();
    const query = (name: string, agg: string) =>
      get<MetricQueryResponse>(`${hub.url}/api/metrics/query?name=${name}&agg=${agg}&maxPoints=0`);
    const increase = await query('work.done', 'increase');
    expect(increase).toMatchObject({ unit: '{item}', kind: 'sum', series: [{ attributes: { kind: 'x' } }] });
    expect(increase.series[0]?.value.reduce<number>((sum, value) => sum + Number(value), 0)).toBe(7);
    expect((await query('work.time', 'histogram')).histogram).toEqual({
      bounds: [1, 2],
      counts: [1, 1, 0],
      count: 2,
      sum: 2,
      min: 0.5,
      max: 1.5,
    });
    const level = await query('work.level', 'value');
    expect([...new Set(level.series[0]?.value)]).toEqual([1.25, 0.1]);
    expect(level.series[0]?.resource).toMatchObject({ 'service.name': 'sdk' });
    const filtered = await get<MetricQueryResponse>(
      `${hub.url}/api/metrics/query?name=work.done&attr.kind=y`,
    );
    expect(filtered.series).toEqual([]);
  });

  it('shows a run as it was recorded, NaN included, and a resent record once', async () => {
    const hub = await start();
    const now = Date.now();
    const records = [
      runStart({ lr: 0.1 }, now),
      step(1, 0, { 'train/loss': 2.5, 'own/key': -0 }, now + 1),
      step(2, 1, { 'train/loss': Number.NaN }, now + 2),
      step(3, 2, { 'train/loss': 1.5 }, now + 3),
    ];
    const body = runRequest('r1', records);
    expect(await send(hub.url, 'logs', body)).toBe(200);
    expect(await send(hub.url, 'logs', body)).toBe(200);
    const run = await get<RunDetail>(`${hub.url}/api/runs/r1`);
    expect(run).toMatchObject({
      status: 'running',
      project: 'demo',
      steps: 3,
      lastStep: 2,
      nonFinite: 1,
      params: { lr: 0.1 },
    });
    const series = await get<SeriesResponse>(`${hub.url}/api/runs/r1/series?key=train/loss&maxPoints=0`);
    expect(series).toMatchObject({ step: [0, 1, 2], value: [2.5, 'NaN', 1.5], nonFiniteTotal: 1 });
    const { tiles } = await get<{ tiles: Tile[] }>(`${hub.url}/api/tiles?keys=train/loss,own/key`);
    expect(tiles).toMatchObject([{ value: 1.5, run: 'r1', delta: -1 }, { key: 'own/key' }]);
    expect(await send(hub.url, 'logs', runRequest('r1', [runEnd(4, 'finished', now + 4)]))).toBe(200);
    expect(await get(`${hub.url}/api/runs?status=finished&project=demo`)).toMatchObject({
      total: 1,
      runs: [{ id: 'r1' }],
    });
  });

  it('gives the metrics of one run: its own, and those of its processes', async () => {
    const hub = await start();
    const now = Date.now();
    await send(hub.url, 'logs', runRequest('r1', [runStart({}, now)]));
    await send(hub.url, 'metrics', gaugeRequest('m', [{ time: now, value: 1 }]));
    const values = async (run: string) =>
      (await get<MetricQueryResponse>(`${hub.url}/api/metrics/query?name=m&run=${run}`)).series.map(
        ({ value }) => value,
      );
    expect(await values('r1')).toEqual([[1]]);
    await send(hub.url, 'logs', runRequest('r2', [runStart({}, now)], 0, { 'service.instance.id': 'two' }));
    expect(await values('r2')).toEqual([]);
    const unknown = await fetch(`${hub.url}/api/metrics/query?name=m&run=r3`);
    expect(unknown.status).toBe(400);
    expect(await unknown.text()).toContain('Parameter `run` is \\"r3\\"');
  });

  it('finds the traces that an SDK sent', async () => {
    const hub = await start();
    const exporter = new OTLPTraceExporter({ url: `${hub.otlpUrl}/v1/traces` });
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const span = provider
      .getTracer('t')
      .startSpan('chat tiny', { attributes: { 'gen_ai.request.model': 'tiny' } });
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'broke' });
    span.end();
    await provider.forceFlush();
    await provider.shutdown();
    const { traceId } = span.spanContext();
    const found = await get<{ traces: { traceId: string }[] }>(
      `${hub.url}/api/traces?errors=true&attr.gen_ai.request.model=tiny`,
    );
    expect(found.traces.map((trace) => trace.traceId)).toEqual([traceId]);
    expect((await get<TraceResponse>(`${hub.url}/api/traces/${traceId}`)).spans).toMatchObject([
      { name: 'chat tiny', status: 'error', statusMessage: 'broke' },
    ]);
    expect(await get(`${hub.url}/api/traces?name=nothing`)).toEqual({ traces: [], total: 0 });
  });

  it('streams new steps of a run to a live client', async () => {
    const hub = await start();
    const now = Date.now();
    await send(hub.url, 'logs', runRequest('r1', [runStart({}, now), step(1, 0, { 'train/loss': 9 }, now)]));
    const response = await fetch(`${hub.url}/api/live?interval=1&keys=train/loss`);
    const updates = liveUpdates(response);
    expect((await updates.next()).value).toMatchObject({ runs: [{ id: 'r1' }], tiles: [{ value: 9 }] });
    await send(hub.url, 'logs', runRequest('r1', [step(2, 1, { 'train/loss': Number.NaN }, now + 1)]));
    for await (const update of updates) {
      // The first change may find the client at an unknown place: then it is told to read anew.
      if (update.resync || update.points.some(({ value }) => value.includes('NaN'))) break;
    }
    await send(hub.url, 'logs', runRequest('r1', [step(3, 2, { 'train/loss': 7 }, now + 2)]));
    const next = liveUpdates(response);
    for await (const update of next) if (update.points.some(({ value }) => value.includes(7))) break;
    await response.body?.cancel();
  });
});

/** The `update` events of a live stream; the stream stays open when the loop is left. */
async function* liveUpdates(response: Response): AsyncGenerator<LiveUpdate, undefined, undefined> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^event: update\nid: .*\ndata: (.*)$/.exec(block)?.[1];
        if (data !== undefined) yield JSON.parse(data) as LiveUpdate;
      }
    }
  } finally {
    reader.releaseLock();
  }
}

describe('a hub that is killed under load', () => {
  async function spawnHub(folder: string): Promise<{ child: ChildProcess; url: string }> {
    const script = fileURLToPath(new URL('hub-process.ts', import.meta.url));
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    processes.push(child);
    const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    return { child, url };
  }

  it('serves everything that it had answered 200 to, after it is started again', async () => {
    const folder = dataFolder();
    const first = await spawnHub(folder);
    const begin = Date.now() - 60_000;
    expect(await send(first.url, 'logs', runRequest('r1', [runStart({}, begin)]))).toBe(200);
    const answered = { points: [] as number[], steps: [] as number[], spans: [] as number[] };
    let count = 0;
    let next = 1;
    const killed = once(first.child, 'exit');
    const id = (i: number, digits: number) => i.toString(16).padStart(digits, '0');
    /** Sends until the hub is gone; whoever gets the 200th answer kills it while the others are under way. */
    const sender = async () => {
      for (;;) {
        const i = next++;
        try {
          if (
            (await send(first.url, 'metrics', gaugeRequest('load', [{ time: begin + i, value: i }]))) === 200
          )
            answered.points.push(i);
          if (
            (await send(
              first.url,
              'logs',
              runRequest('r1', [step(i, i, { 'train/loss': i }, begin + i)]),
            )) === 200
          )
            answered.steps.push(i);
          if (
            (await send(first.url, 'traces', spanRequest(id(i, 32), id(i, 16), `span ${i}`, begin + i))) ===
            200
          )
            answered.spans.push(i);
        } catch {
          return;
        }
        count += 1;
        if (count === 200) first.child.kill('SIGKILL');
      }
    };
    await Promise.all(Array.from({ length: 8 }, sender));
    await killed;
    expect(answered.points.length).toBeGreaterThanOrEqual(200);

    const second = await spawnHub(folder);
    const points = await get<MetricQueryResponse>(
      `${second.url}/api/metrics/query?name=load&maxPoints=0&from=${begin}`,
    );
    const stored = new Map(
      points.series[0]?.time.map((time, i) => [time - begin, points.series[0]?.value[i]]),
    );
    expect(answered.points.filter((i) => stored.get(i) !== i)).toEqual([]);
    const series = await get<SeriesResponse>(`${second.url}/api/runs/r1/series?key=train/loss&maxPoints=0`);
    const steps = new Map(series.step.map((number, i) => [number, series.value[i]]));
    expect(answered.steps.filter((i) => steps.get(i) !== i)).toEqual([]);
    expect(new Set(series.step).size).toBe(series.step.length);
    const { traces } = await get<{ traces: { traceId: string }[] }>(
      `${second.url}/api/traces?limit=1000&from=${begin}`,
    );
    const found = new Set(traces.map(({ traceId }) => traceId));
    expect(answered.spans.filter((i) => !found.has(id(i, 32)))).toEqual([]);
    // Sending what was not answered again is harmless.
    expect(
      await send(
        second.url,
        'logs',
        runRequest('r1', [
          step(answered.steps[0] as number, answered.steps[0] as number, { 'train/loss': 0 }, begin),
        ]),
      ),
    ).toBe(200);
    expect((await get<RunDetail>(`${second.url}/api/runs/r1`)).steps).toBe(series.step.length);
  });

  it('ends by itself on SIGTERM, with its store closed', async () => {
    const folder = dataFolder();
    const { child, url } = await spawnHub(folder);
    expect(await send(url, 'metrics', gaugeRequest('g', [{ time: Date.now(), value: 1 }]))).toBe(200);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});
