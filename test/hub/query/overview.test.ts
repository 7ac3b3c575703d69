import { describe, expect, it } from 'vitest';
import { METRIC } from '../../../src/conventions/index.ts';
import { queryMetric } from '../../../src/hub/query/metric-query.ts';
import { shared } from '../../../src/hub/query/reading.ts';
import { performanceSummary } from '../../../src/hub/query/summary.ts';
import { tile } from '../../../src/hub/query/tile.ts';
import { FakeStore, gauge, histogramSeries, numberSeries, runDetail } from '../fake-store.ts';

const HOUR = 3_600_000;
const TO = 100 * HOUR;
const FROM = TO - HOUR;
const window = { from: FROM, to: TO };
const minutes = (n: number) => FROM + n * 60_000;

describe('a tile', () => {
  it('of a counter has the rate of the covered time, its change and its line', async () => {
    const store = new FakeStore();
    const points = Array.from(
      { length: 121 },
      (_, i) => [FROM - HOUR + i * 60_000, i < 60 ? i * 60 : 3600 + (i - 60) * 120, 1] as const,
    );
    store.numbers = [numberSeries(METRIC.servingRequests.name, points, {}, { 'llm.outcome': 'completed' })];
    const found = await tile('api/requests_per_second', store, window);
    expect(found).toMatchObject({ value: 2, time: TO, since: FROM, unit: '{request}/s', better: 'none' });
    expect(found.delta).toBeCloseTo(1, 9);
    expect(found.spark.time).toHaveLength(60);
    for (const value of found.spark.value) expect(value).toBeCloseTo(2, 9);
  });

  it('of a ratio counts the parts against the whole; without traffic it has no value', async () => {
    const store = new FakeStore();
    store.numbers = [
      numberSeries(
        METRIC.servingRequests.name,
        [[minutes(5), 30, minutes(1)]],
        {},
        { 'llm.outcome': 'completed' },
      ),
      numberSeries(
        METRIC.servingRequests.name,
        [[minutes(5), 10, minutes(1)]],
        {},
        { 'llm.outcome': 'error' },
      ),
    ];
    expect(await tile('api/error_rate', store, window)).toMatchObject({ value: 0.25, delta: null });
    expect(await tile('api/error_rate', store, { from: TO, to: TO + HOUR })).toMatchObject({
      value: null,
      time: null,
    });
  });

  it('of a gauge joins the series that still report, and drops one whose process has ended', async () => {
    const store = new FakeStore();
    const every10s = (from: number, to: number, value: number) =>
      Array.from({ length: (to - from) / 10_000 + 1 }, (_, i) => [from + i * 10_000, value] as const);
    store.numbers = [
      gauge(METRIC.activeRequests.name, every10s(FROM, TO, 3), { model: 'a' }),
      gauge(METRIC.activeRequests.name, every10s(minutes(20), TO, 4), { model: 'b' }),
      gauge(METRIC.activeRequests.name, every10s(FROM, TO - 120_000, 50), { model: 'gone' }),
    ];
    const found = await tile('api/active_requests', store, window);
    expect(found).toMatchObject({ value: 7, time: TO });
    expect(found.delta).toBe(7 - 53);
    expect(found.spark.value[0]).toBe(53);
    expect(found.spark.value.at(-1)).toBe(7);
  });

  it('inverts and scales as the catalogue says, and shows NaN as NaN', async () => {
    const store = new FakeStore();
    const cpu = gauge(
      METRIC.systemCpuUtilization.name,
      [
        [TO - 2000, 0.75],
        [TO - 1000, 0.9],
      ],
      { 'cpu.mode': 'idle' },
    );
    store.numbers = [cpu];
    const found = await tile('system/cpu_percent', store, window);
    expect(found.value).toBeCloseTo(10, 9);
    expect(found.delta).toBeCloseTo(-15, 9);
    cpu.value[1] = Number.NaN;
    expect(await tile('system/cpu_percent', store, window)).toMatchObject({ value: Number.NaN, delta: null });
  });

  it('of a quantile merges the buckets of all series', async () => {
    const store = new FakeStore();
    store.histogramSeries = [
      histogramSeries(
        METRIC.timeToFirstToken.name,
        [{ time: minutes(5), start: minutes(1), counts: [95, 0, 0] }],
        [0.1, 1],
        { m: 'a' },
      ),
      histogramSeries(
        METRIC.timeToFirstToken.name,
        [{ time: minutes(5), start: minutes(1), counts: [0, 5, 0] }],
        [0.1, 1],
        { m: 'b' },
      ),
    ];
    expect(await tile('api/time_to_first_token', store, window)).toMatchObject({ value: 0.1, unit: 's' });
    const p99 = await tile('api/time_to_first_token_p99', store, window);
    expect(p99.value).toBeCloseTo(0.1 + 0.9 * (4 / 5), 9);
  });

  it('of a training key takes the run that started last, or the one asked for', async () => {
    const store = new FakeStore();
    const last = (value: number, time: number) => ({ 'train/loss': { value, step: 1, time } });
    store.details = [
      runDetail('old', { startedAt: 1000, updatedAt: TO, last: last(3, TO - 5000) }),
      runDetail('new', { startedAt: 2000, updatedAt: TO - 1000, last: last(Number.NaN, TO - 1000) }),
      runDetail('without', { startedAt: 3000, updatedAt: TO, last: {} }),
    ];
    store.stepSeries['old train/loss'] = { step: [0, 1], time: [FROM - 1000, TO - 5000], value: [5, 3] };
    store.stepSeries['new train/loss'] = {
      step: [0, 1],
      time: [TO - 9000, TO - 1000],
      value: [4, Number.NaN],
    };
    expect(await tile('train/loss', store, window)).toMatchObject({
      run: 'new',
      value: Number.NaN,
      delta: null,
    });
    const old = await tile('train/loss', store, window, 'old');
    expect(old).toMatchObject({ run: 'old', value: 3, delta: -2, since: FROM - 1000, spark: { value: [3] } });
    store.stepSeries['new train/loss'].value[1] = 1;
    store.details[1] = runDetail('new', { startedAt: 2000, updatedAt: TO, last: last(1, TO - 1000) });
    expect(await tile('train/loss', store, window)).toMatchObject({ delta: -3, since: TO - 9000 });
  });

  it('of an unknown key, or of nothing, has no value', async () => {
    const store = new FakeStore();
    for (const key of ['own/key', 'train/loss', 'gpu_7/temperature', 'http/requests_per_second'])
      expect(await tile(key, store, window)).toMatchObject({
        key,
        value: null,
        time: null,
        delta: null,
        spark: { time: [] },
      });
  });

  it('shares its reads with other tiles of the same metric', async () => {
    const store = new FakeStore();
    const reading = shared(store);
    await Promise.all(
      ['api/time_to_first_token', 'api/time_to_first_token_p50', 'api/time_to_first_token_p99'].map((key) =>
        tile(key, reading, window),
      ),
    );
    expect(store.reads.histograms).toBe(1);
  });
});

describe('the performance summary', () => {
  function served(): FakeStore {
    const store = new FakeStore();
    const model = { 'gen_ai.request.model': 'tiny' };
    const requests = (outcome: string, count: number, more = {}) =>
      numberSeries(
        METRIC.servingRequests.name,
        [[minutes(2), count, minutes(1)]],
        {},
        { 'llm.outcome': outcome, ...model, ...more },
      );
    const tokens = (type: string, count: number) =>
      numberSeries(
        METRIC.servingTokens.name,
        [[minutes(2), count, minutes(1)]],
        {},
        { 'gen_ai.token.type': type, ...model },
      );
    store.numbers = [
      requests('completed', 90),
      requests('length', 5),
      requests('error', 3, { 'error.type': 'timeout' }),
      requests('error', 1, { 'error.type': '500' }),
      requests('aborted', 1),
      tokens('input', 1200),
      tokens('output', 6000),
      numberSeries(METRIC.sloRequests.name, [[minutes(2), 60, minutes(1)]], {}, { 'llm.slo.met': true }),
      numberSeries(METRIC.sloRequests.name, [[minutes(2), 20, minutes(1)]], {}, { 'llm.slo.met': 'false' }),
      gauge(METRIC.memoryUtilization.name, [[minutes(2), 0.5]], { 'system.memory.state': 'used' }),
      gauge('hw.gpu.memory.utilization', [[minutes(2), 0.25]], { 'gpu.index': '0' }),
      gauge('hw.gpu.memory.utilization', [[minutes(2), 0.75]], { 'gpu.index': '1' }),
    ];
    store.histogramSeries = [
      histogramSeries(
        METRIC.timeToFirstToken.name,
        [{ time: minutes(2), start: minutes(1), counts: [50, 45, 0], sum: 30 }],
        [0.25, 0.5],
        model,
      ),
    ];
    return store;
  }

  it('counts by outcome and divides by the time that there were data for', async () => {
    const found = await performanceSummary(shared(served()), window, {}, { ttft: 0.25 });
    expect(found).toMatchObject({
      coverage: 60,
      requests: { total: 100, completed: 90, length: 5, error: 4, aborted: 1 },
      errorRate: 0.04,
      errorTypes: { timeout: 3, '500': 1 },
      tokens: { input: 1200, output: 6000, cached: 0, reasoning: 0 },
      outputTokensPerSecond: 100,
      goodput: { requestsPerSecond: 1, ratio: 0.75 },
      memoryPercent: 50,
      cpuPercent: null,
      gpuMemoryUtilization: 0.5,
      models: ['tiny'],
      duration: { count: 0, mean: null, p50: null },
    });
    expect(found.requestThroughput).toBeCloseTo(100 / 60, 9);
    expect(found.ttft.count).toBe(95);
    expect(found.ttft.mean).toBeCloseTo(30 / 95, 9);
    expect(found.objectives).toEqual([{ name: 'ttft', seconds: 0.25, attained: 50 / 95 }]);
  });

  it('agrees with the tiles', async () => {
    const store = served();
    const summary = await performanceSummary(store, window);
    expect((await tile('api/requests_per_second', store, window)).value).toBe(summary.requestThroughput);
    expect((await tile('api/tokens_per_second', store, window)).value).toBe(summary.outputTokensPerSecond);
    expect((await tile('api/error_rate', store, window)).value).toBe(summary.errorRate);
    expect((await tile('api/time_to_first_token', store, window)).value).toBe(summary.ttft.p95);
    expect((await tile('api/goodput_ratio', store, window)).value).toBe(summary.goodput?.ratio);
  });

  it('of one model counts that model alone', async () => {
    const found = await performanceSummary(served(), window, { 'gen_ai.request.model': 'other' });
    expect(found.requests.total).toBe(0);
    expect(found.goodput).toBeNull();
  });

  it('of a server of another make comes from the durations of requests', async () => {
    const store = new FakeStore();
    const durations = (count: number, attributes: Record<string, unknown>) =>
      histogramSeries(
        METRIC.requestDuration.name,
        [{ time: minutes(2), start: minutes(1), counts: [count, 0] }],
        [1],
        attributes,
      );
    store.histogramSeries = [durations(7, {}), durations(3, { 'error.type': 'timeout' })];
    const found = await performanceSummary(store, window);
    expect(found.requests).toEqual({ total: 10, completed: 7, length: 0, error: 3, aborted: 0 });
    expect(found.errorTypes).toEqual({ timeout: 3 });
  });

  it('of an empty window has no numbers, and none that are not finite', async () => {
    const found = await performanceSummary(new FakeStore(), window);
    expect(found).toMatchObject({
      coverage: 0,
      requestThroughput: null,
      errorRate: null,
      goodput: null,
      outputTokensPerSecond: null,
    });
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });
});

describe('a metric query', () => {
  const ask = async (store: FakeStore, name: string, over: object) => {
    const instrument = (await store.instruments()).find((one) => one.name === name);
    if (!instrument) throw new Error(`no ${name}`);
    return queryMetric(store, {
      instrument,
      where: {},
      from: FROM,
      to: TO,
      maxPoints: 60,
      by: undefined,
      agg: 'value',
      ...over,
    });
  };

  it('gives rates per series, or per group', async () => {
    const store = new FakeStore();
    const counter = (device: string, direction: string, value: number) =>
      numberSeries(
        'io',
        [
          [minutes(0), 0, 1],
          [minutes(60), value * 3600, 1],
        ],
        { unit: 'By' },
        { device, direction },
      );
    store.numbers = [counter('a', 'read', 1), counter('b', 'read', 2), counter('b', 'write', 4)];
    const all = await ask(store, 'io', { agg: 'rate' });
    expect(all.unit).toBe('By/s');
    expect(all.series.map(({ value }) => Math.round(value[0] as number))).toEqual([1, 2, 4]);
    const grouped = await ask(store, 'io', { agg: 'rate', by: ['direction'] });
    expect(
      grouped.series.map(({ attributes, value }) => [attributes.direction, Math.round(value[0] as number)]),
    ).toEqual([
      ['read', 3],
      ['write', 4],
    ]);
  });

  it('gives the histogram of the window, and quantiles over time of all series together', async () => {
    const store = new FakeStore();
    store.histogramSeries = ['a', 'b'].map((m) =>
      histogramSeries(
        'h',
        [
          { time: minutes(0), start: 1, counts: [100, 100], sum: 1 },
          { time: minutes(10), start: 1, counts: [102, 100], sum: 3 },
          { time: minutes(20), start: 1, counts: [102, 104], sum: 9, max: 3 },
        ],
        [1],
        { m },
      ),
    );
    const histogram = await ask(store, 'h', { agg: 'histogram' });
    expect(histogram.histogram).toEqual({ bounds: [1], counts: [4, 8], count: 12, sum: 16 });
    const { series } = await ask(store, 'h', { agg: 'p50' });
    expect(series).toMatchObject([{ attributes: {}, time: [minutes(10), minutes(20)], value: [0.5, 1] }]);
    const each = await ask(store, 'h', { agg: 'mean', by: ['m'] });
    expect(each.series.map(({ attributes, value }) => [attributes.m, value])).toEqual([
      ['a', [1, 1.5]],
      ['b', [1, 1.5]],
    ]);
  });
});
