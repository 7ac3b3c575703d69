import { createHistogram } from 'node:perf_hooks';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { METRIC } from '../../../src/conventions/index.ts';
import { delayReading } from '../../../src/observers/runtime/delay.ts';
import { startRuntimeObserver } from '../../../src/observers/runtime/start.ts';
import { InstrumentRegistry } from '../../../src/telemetry/instruments/registry.ts';
import { valuesOf } from '../published-values.ts';

describe('the delay of the event loop', () => {
  it('is without the time between two looks, in seconds', () => {
    const histogram = createHistogram();
    for (let i = 0; i < 98; i++) histogram.record(10_000_000);
    histogram.record(110_000_000);
    histogram.record(9_000_000); // a timer may fire early
    const reading = delayReading(histogram, 10);
    expect(reading?.min).toBe(0);
    expect(reading?.p50).toBeCloseTo(0, 3);
    expect(reading?.max).toBeCloseTo(0.1, 2);
    expect(reading?.mean).toBeCloseTo(0.001, 3);
    expect(reading?.stddev).toBeCloseTo(0.01, 2);
  });
  it('is not known when nothing was measured', () => {
    expect(delayReading(createHistogram(), 10)).toBeUndefined();
  });
});

describe('the runtime observer', () => {
  const registry = new InstrumentRegistry();
  let observer: { stop(): void } | undefined;
  afterEach(() => {
    vi.useRealTimers();
    observer?.stop();
  });

  it('publishes loop, heap and collections at its interval, and nothing after its stop', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    observer = startRuntimeObserver({ interval: '1s', registry });
    expect(valuesOf(registry, METRIC.eventloopUtilization)).toEqual({});
    // Node's own measuring goes on in real time: wait until it has looked once.
    await new Promise<void>((resolve) => {
      let turns = 0;
      const until = performance.now() + 60;
      const turn = (): void => {
        if (performance.now() < until || ++turns < 3) setImmediate(turn);
        else resolve();
      };
      turn();
    });
    vi.advanceTimersByTime(1000);
    for (const metric of [
      METRIC.eventloopDelayMin,
      METRIC.eventloopDelayMax,
      METRIC.eventloopDelayP99,
      METRIC.eventloopUtilization,
    ]) {
      const { '': value } = valuesOf(registry, metric);
      expect(value, metric.name).toBeGreaterThanOrEqual(0);
    }
    expect(Object.keys(valuesOf(registry, METRIC.eventloopTime))).toEqual(['active', 'idle']);
    expect(valuesOf(registry, METRIC.heapUsed)['old_space']).toBeGreaterThan(0);
    expect(valuesOf(registry, METRIC.heapSpaceSize)['new_space']).toBeGreaterThan(0);
    // Two readers see the same: reading changes nothing.
    expect(valuesOf(registry, METRIC.eventloopDelayMax)).toEqual(
      valuesOf(registry, METRIC.eventloopDelayMax),
    );

    while (valuesOf(registry, METRIC.gcDuration)['minor'] === undefined) {
      for (let i = 0; i < 1000; i++) Array.from({ length: 1000 }, () => ({}));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    observer.stop();
    for (const metric of [METRIC.eventloopDelayMax, METRIC.heapUsed, METRIC.gcDuration, METRIC.eventloopTime])
      expect(valuesOf(registry, metric), metric.name).toEqual({});
    expect(vi.getTimerCount()).toBe(0);
  });

  it('refuses an interval that it cannot keep', () => {
    expect(() => startRuntimeObserver({ interval: 'often' })).toThrow(/runtime\.interval.*"often"/);
    expect(() => startRuntimeObserver({ interval: 5 })).toThrow(/at least 100 ms/);
  });
});
