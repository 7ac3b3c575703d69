import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { resetServingSettings } from '../../../src/serving/generation/settings.ts';
import { startGeneration } from '../../../src/serving/generation/start.ts';
import {
  type PerformanceWindow,
  type PerformanceWindowOptions,
  performanceWindow,
} from '../../../src/serving/performance/performance-window.ts';
import type { ThresholdCrossed } from '../../../src/serving/performance/thresholds.ts';
import { InstrumentRegistry } from '../../../src/telemetry/instruments/registry.ts';

let now = 0;
const clock = { now: () => now, wallTime: () => 1_700_000_000_000 + now };
const windows: PerformanceWindow[] = [];
function open(options: PerformanceWindowOptions = {}): PerformanceWindow {
  const window = performanceWindow({ clock, registry: new InstrumentRegistry(), ...options });
  windows.push(window);
  return window;
}

beforeEach(() => {
  now = 1_000_000;
  resetServingSettings({});
});
afterEach(() => {
  for (const window of windows.splice(0)) window.stop();
});

interface Made {
  duration?: number;
  ttft?: number;
  tokens?: number;
  error?: string;
}
/** A generation that ends now, with made-up times in milliseconds. */
function generation({ duration = 1000, ttft, tokens = 0, error }: Made = {}): void {
  const startTime = performance.now() - 100_000;
  const made = startGeneration({ model: 'm', startTime, inputTokens: 10 });
  if (ttft !== undefined) made.firstToken(startTime + ttft);
  made.tokens(tokens);
  if (error === undefined) made.end({ endTime: startTime + duration });
  else made.fail(new Error('x'), { type: error, endTime: startTime + duration });
}
/** Handlers are called in a microtask. */
const microtasks = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

describe('the summary of a performance window', () => {
  it('gives counts, rates and percentiles of what ended in it', () => {
    const window = open({ slo: { requestDuration: '1s' } });
    now += 10_000;
    for (let i = 1; i <= 100; i++) generation({ duration: i * 20, ttft: i, tokens: 11 });
    generation({ error: 'Overloaded' });
    const summary = window.summary();
    expect(summary.requests).toEqual({ total: 101, completed: 100, length: 0, error: 1, aborted: 0 });
    expect(summary.coverage).toBeCloseTo(10);
    expect(summary.to - summary.from).toBeCloseTo(10_000);
    expect(summary.requestThroughput).toBeCloseTo(10.1);
    expect(summary.errorRate).toBeCloseTo(1 / 101);
    expect(summary.errorTypes).toEqual({ Overloaded: 1 });
    expect(summary.ttft.count).toBe(100);
    expect(summary.ttft.mean).toBeCloseTo(0.0505);
    expect((summary.ttft.p50 ?? 0) / 0.05).toBeCloseTo(1, 2);
    expect((summary.ttft.p95 ?? 0) / 0.095).toBeCloseTo(1, 2);
    expect((summary.ttft.p99 ?? 0) / 0.099).toBeCloseTo(1, 2);
    expect(summary.tpot.count).toBe(100);
    expect(summary.tokens).toEqual({ input: 1010, output: 1100, cached: 0, reasoning: 0 });
    expect(summary.outputTokensPerSecond).toBeCloseTo(110);
    expect(summary.goodput).toEqual({
      requestsPerSecond: expect.closeTo(5, 5),
      ratio: expect.closeTo(50 / 101, 5),
    });
    expect(summary.models).toEqual(['m']);
  });

  it('forgets what is older than its minutes', () => {
    const window = open({ minutes: 1 });
    generation();
    now += 30_000;
    generation();
    expect(window.summary().requests.total).toBe(2);
    now += 30_001;
    expect(window.summary().requests.total).toBe(1);
    now += 3_600_000;
    generation();
    expect(window.summary().requests.total).toBe(1);
    expect(window.summary().coverage).toBeGreaterThan(58);
    expect(window.summary().coverage).toBeLessThanOrEqual(60);
  });

  it('has null where there is nothing to say', () => {
    expect(open().summary()).toMatchObject({
      requestThroughput: null,
      errorRate: null,
      outputTokensPerSecond: null,
      goodput: null,
      cpuPercent: null,
      memoryPercent: null,
      gpuMemoryUtilization: null,
      energy: null,
      ttft: { count: 0, mean: null, p50: null, p95: null, p99: null },
    });
  });

  it('knows CPU and memory when observers publish them', () => {
    const registry = new InstrumentRegistry();
    registry
      .gauge(METRIC.systemCpuUtilization, 's')
      .bind({ [ATTR.cpuMode]: 'idle' })
      .set(0.75);
    registry
      .gauge(METRIC.systemCpuUtilization, 's')
      .bind({ [ATTR.cpuMode]: 'user' })
      .set(0.25);
    registry
      .gauge(METRIC.memoryUtilization, 's')
      .bind({ [ATTR.memoryState]: 'used' })
      .set(0.4);
    const gpu = registry.gauge(
      { name: 'hw.gpu.memory.utilization', kind: 'gauge', unit: '1', description: '' },
      's',
    );
    gpu.bind({ [ATTR.gpuIndex]: '0' }).set(0.3);
    gpu.bind({ [ATTR.gpuIndex]: '1' }).set(0.9);
    const summary = open({ registry }).summary();
    expect([summary.cpuPercent, summary.memoryPercent, summary.gpuMemoryUtilization]).toEqual([25, 40, 0.9]);
  });

  it('sets the energy that GPUs used against the requests and tokens of the window', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const registry = new InstrumentRegistry();
      const window = open({ registry, minutes: 1 });
      const passed = (seconds: number) => {
        for (let i = 0; i < seconds; i++) {
          now += 1000;
          vi.advanceTimersByTime(1000);
        }
      };
      // Before a GPU tells anything: this generation is not set against energy.
      generation({ ttft: 1, tokens: 1000 });
      passed(10);
      const gpu = registry.counter(METRIC.hwEnergy, 's').bind({ [ATTR.hwId]: 'a' });
      const other = registry
        .counter(METRIC.hwEnergy, 's')
        .bind({ [ATTR.hwId]: 'b', [ATTR.gpuAssigned]: false });
      passed(1);
      gpu.setTotal(300);
      other.setTotal(9999);
      generation({ ttft: 1, tokens: 10 });
      expect(window.summary().energy).toEqual({
        joules: 300,
        joulesPerRequest: 300,
        joulesPerOutputToken: 30,
      });
      passed(30);
      gpu.setTotal(700);
      generation({ ttft: 1, tokens: 30 });
      expect(window.summary().energy).toEqual({
        joules: 700,
        joulesPerRequest: 350,
        joulesPerOutputToken: 17.5,
      });
      // The first 300 J have left the window, with their request.
      passed(40);
      expect(window.summary().energy).toEqual({
        joules: 400,
        joulesPerRequest: 400,
        joulesPerOutputToken: 400 / 30,
      });
      passed(61);
      expect(window.summary().energy).toEqual({
        joules: 0,
        joulesPerRequest: null,
        joulesPerOutputToken: null,
      });
    } finally {
      vi.useRealTimers();
    }
  });

  it('counts nothing more after it was stopped', () => {
    const window = open();
    window.stop();
    generation();
    expect(window.summary().requests.total).toBe(0);
  });

  it('refuses options that make no sense', () => {
    expect(() => open({ minutes: 0 })).toThrow(/minutes.*got 0/);
    expect(() => open({ thresholds: { errorRate: 5 }, onThreshold: () => {} })).toThrow(/errorRate.*up to 1/);
    expect(() => open({ thresholds: { requestDuration: 'x' }, onThreshold: () => {} })).toThrow(/"x"/);
  });
});

describe('thresholds of a performance window', () => {
  it('report each slow generation, but not more often than the interval', async () => {
    const seen: ThresholdCrossed[] = [];
    open({
      thresholds: { timeToFirstToken: '500ms', minimumInterval: '1s' },
      onThreshold: (crossed) => void seen.push(crossed),
    });
    generation({ ttft: 400 });
    generation({ ttft: 600 });
    generation({ ttft: 700 });
    generation({ ttft: 800 });
    await microtasks();
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      kind: 'slow_generation',
      threshold: 'timeToFirstToken',
      value: expect.closeTo(0.6, 6),
      limit: 0.5,
      suppressed: 0,
      generation: { model: 'm' },
    });
    now += 1000;
    generation({ ttft: 900 });
    await microtasks();
    expect(seen[1]).toMatchObject({ suppressed: 2, value: expect.closeTo(0.9, 6) });
  });

  it('report a high error rate once on entering and once on leaving, with enough requests only', async () => {
    const seen: ThresholdCrossed[] = [];
    open({
      minutes: 1,
      thresholds: { errorRate: 0.5, minimumRequests: 4 },
      onThreshold: (crossed) => void seen.push(crossed),
    });
    for (let i = 0; i < 3; i++) generation({ error: 'x' });
    await microtasks();
    expect(seen).toEqual([]);
    for (let i = 0; i < 3; i++) generation({ error: 'x' });
    await microtasks();
    expect(seen).toEqual([
      { kind: 'rate', threshold: 'errorRate', state: 'entered', value: 1, limit: 0.5, requests: 4 },
    ]);
    for (let i = 0; i < 10; i++) generation();
    await microtasks();
    expect(seen).toHaveLength(2);
    expect(seen[1]).toMatchObject({ state: 'left', value: expect.closeTo(6 / 13, 6) });
  });

  it('leave their bad range without traffic as time goes by', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const seen: ThresholdCrossed[] = [];
      const window = open({
        minutes: 1,
        thresholds: { errorRate: 0.5, minimumRequests: 1 },
        onThreshold: (crossed) => void seen.push(crossed),
      });
      generation({ error: 'x' });
      now += 60_001;
      vi.advanceTimersByTime(1000);
      await microtasks();
      expect(seen.map((crossed) => crossed.kind === 'rate' && crossed.state)).toEqual(['entered', 'left']);
      window.stop();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('report a low throughput', async () => {
    const seen: ThresholdCrossed[] = [];
    open({
      thresholds: { tokensPerSecond: 10, minimumRequests: 2 },
      onThreshold: (crossed) => void seen.push(crossed),
    });
    now += 10_000;
    generation({ tokens: 20 });
    generation({ tokens: 20 });
    await microtasks();
    expect(seen).toMatchObject([{ threshold: 'tokensPerSecond', state: 'entered', value: 4 }]);
  });

  it('keep a bug of the handler away from the reply and from later reports', async () => {
    let calls = 0;
    open({
      thresholds: { requestDuration: 1, minimumInterval: 0 },
      onThreshold: () => {
        calls++;
        if (calls === 1) throw new Error('sync bug');
        return Promise.reject(new Error('async bug'));
      },
    });
    for (let i = 0; i < 3; i++) expect(() => generation()).not.toThrow();
    await microtasks();
    expect(calls).toBe(3);
  });

  it('call the handler only after the generation has ended', async () => {
    const order: string[] = [];
    open({ thresholds: { requestDuration: 1 }, onThreshold: () => void order.push('handler') });
    generation();
    order.push('reply');
    await microtasks();
    expect(order).toEqual(['reply', 'handler']);
  });
});
