import type { HrTime } from '@opentelemetry/api';
import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import { getHeapSpaceStatistics } from 'node:v8';
import { ATTR, METRIC } from '../../conventions/index.ts';
import type { BoundHistogram } from '../../telemetry/instruments/bound.ts';
import { type InstrumentRegistry, instruments } from '../../telemetry/instruments/registry.ts';
import { intervalOf } from '../interval.ts';
import { Published } from '../published.ts';
import { Sampler } from '../sampler.ts';
import { delayReading } from './delay.ts';

export const RUNTIME_SCOPE = 'llm-otel.runtime';

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 10;

/** `v8js.gc.type` by Node's kind of collection. */
const GC_TYPES: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

export interface RuntimeObserverOptions {
  /** Stretch of time that the event loop's figures are about: `10s` or milliseconds. Default 10 s, as often as metrics are exported. */
  interval?: string | number;
  /** Default this process's instruments. */
  registry?: InstrumentRegistry;
}

/**
 * Observes the event loop, garbage collection and the heap, and publishes `nodejs.*` and `v8js.*`. The delay histogram
 * is read and begun anew by the observer's own interval: several metric readers see the same figures.
 * @throws TypeError for an interval that cannot be read.
 */
export function startRuntimeObserver(options: RuntimeObserverOptions = {}): { stop(): void } {
  const interval = intervalOf('runtime.interval', options.interval, 10_000);
  const registry = options.registry ?? instruments;
  const published = new Published(registry, RUNTIME_SCOPE);
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  delays.enable();
  let utilization = performance.eventLoopUtilization();
  let first = true;
  const loopStart = hrTimeOf(performance.timeOrigin + performance.nodeTiming.nodeStart);
  const none = () => ({});

  const sampler = new Sampler({
    name: 'the runtime observer',
    interval,
    firstAfter: Math.min(interval, 1000),
    sample() {
      published.begin();
      const reading = delayReading(delays, RESOLUTION);
      delays.reset();
      if (reading) {
        published.set(METRIC.eventloopDelayMin, '', reading.min, none);
        published.set(METRIC.eventloopDelayMax, '', reading.max, none);
        published.set(METRIC.eventloopDelayMean, '', reading.mean, none);
        published.set(METRIC.eventloopDelayStddev, '', reading.stddev, none);
        published.set(METRIC.eventloopDelayP50, '', reading.p50, none);
        published.set(METRIC.eventloopDelayP90, '', reading.p90, none);
        published.set(METRIC.eventloopDelayP99, '', reading.p99, none);
      }
      const now = performance.eventLoopUtilization();
      if (!first) {
        const since = performance.eventLoopUtilization(now, utilization);
        published.set(METRIC.eventloopUtilization, '', since.utilization, none);
      }
      first = false;
      utilization = now;
      for (const state of ['active', 'idle'] as const) {
        const attributes = () => ({ [ATTR.eventloopState]: state });
        published.total(METRIC.eventloopTime, state, now[state] / 1000, attributes, loopStart);
      }
      for (const space of getHeapSpaceStatistics()) {
        const name = space.space_name;
        if (space.space_size === 0 && space.space_used_size === 0) continue; // V8 lists spaces that it does not use
        const attributes = () => ({ [ATTR.heapSpaceName]: name });
        published.set(METRIC.heapUsed, name, space.space_used_size, attributes);
        published.set(METRIC.heapSpaceSize, name, space.space_size, attributes);
        published.set(METRIC.heapAvailable, name, space.space_available_size, attributes);
        published.set(METRIC.heapPhysical, name, space.physical_space_size, attributes);
      }
      published.end();
    },
  });

  const collections = observeCollections(registry);
  sampler.start();
  return {
    stop() {
      sampler.stop();
      collections.stop();
      delays.disable();
      published.clear();
    },
  };
}

function observeCollections(registry: InstrumentRegistry): { stop(): void } {
  const instrument = registry.histogram(METRIC.gcDuration, RUNTIME_SCOPE);
  const series = new Map<string, BoundHistogram>();
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as { detail?: { kind?: number } }).detail ?? {};
      const type = GC_TYPES[kind ?? 0];
      if (type === undefined) continue;
      let bound = series.get(type);
      if (!bound) {
        bound = instrument.bind({ [ATTR.gcType]: type });
        series.set(type, bound);
      }
      bound.record(entry.duration / 1000);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    stop() {
      observer.disconnect();
      for (const bound of series.values()) instrument.remove(bound);
    },
  };
}

function hrTimeOf(milliseconds: number): HrTime {
  const whole = Math.floor(milliseconds / 1000);
  return [whole, Math.round((milliseconds - whole * 1000) * 1e6)];
}
