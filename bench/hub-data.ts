import { encodeAttributes } from '../src/otlp/index.ts';
import type { LogRecord, LogsRequest, MetricsRequest, NumberPoint } from '../src/otlp/model.ts';

/** Input of the hub's benchmark. The same on every run: a small generator with a fixed seed. */
export const SERIES = 1000;
export const START = 1_760_000_000_000;
export const RUN = 'bench-run';
const RESOURCE = { attributes: { 'service.name': 'bench', 'service.instance.id': 'bench-1' } };
const SCOPE = { name: 'bench', version: '1', attributes: {} };

const ATTRIBUTES = Array.from({ length: SERIES }, (_, i) =>
  encodeAttributes({ 'gpu.index': i, 'hw.id': `GPU-${i}`, 'hw.state': 'used' }),
);

export type Values = (series: number, tick: number) => number;

/** mulberry32: uniform in [0, 1) with 32 random bits. */
export function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Kinds of values: what a byte count means depends on them. */
export const VALUES = {
  /** A level with Gaussian noise at full precision of the double: the worst that real telemetry looks like. */
  noisy: (random: () => number): Values => {
    const uniform = (): number => random() + random() / 4294967296;
    return (series) =>
      50 + (series % 100) + 5 * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  },
  /** All 64 bits random (finite): nothing can compress it. */
  random: (random: () => number): Values => {
    const view = new DataView(new ArrayBuffer(8));
    return () => {
      do {
        view.setUint32(0, random() * 4294967296);
        view.setUint32(4, random() * 4294967296);
      } while (!Number.isFinite(view.getFloat64(0)));
      return view.getFloat64(0);
    };
  },
  /** Half counters, half percentages with two decimals. */
  usual: (random: () => number): Values => {
    return (series, tick) =>
      series % 2 === 0 ? tick * (series + 1) + Math.floor(random() * 10) : Math.round(random() * 1e4) / 100;
  },
} as const;

/** One point of each series at one time, about every second with half a millisecond of jitter. */
export function metricsRequest(tick: number, values: Values, random: () => number): MetricsRequest {
  const time = START + tick * 1000 + Math.round(random() * 4096) / 4096;
  return gauge(
    'bench.value',
    ATTRIBUTES.map((attributes, series) => point(attributes, time, values(series, tick))),
  );
}

/** A thousand points of one series. */
export function oneSeriesRequest(index: number, values: Values): MetricsRequest {
  return gauge(
    'bench.long',
    Array.from({ length: 1000 }, (_, i) =>
      point(ATTRIBUTES[0]!, START + (index * 1000 + i) * 1000, values(0, index * 1000 + i)),
    ),
  );
}

/** A thousand steps of one run with one key. */
export function stepsRequest(index: number, values: Values): LogsRequest {
  const logRecords = Array.from({ length: 1000 }, (_, i): LogRecord => {
    const step = index * 1000 + i;
    return {
      timeUnixNano: BigInt(START + step * 250) * 1_000_000n,
      observedTimeUnixNano: 0n,
      severityNumber: 9,
      severityText: '',
      eventName: 'llm.training.step',
      body: { 'train/loss': values(0, step) },
      attributes: { 'llm.run.seq': step, 'llm.training.step': step },
      traceId: '',
      spanId: '',
      flags: 0,
    };
  });
  const resource = { attributes: { ...RESOURCE.attributes, 'llm.run.id': RUN, 'llm.rank': 0 } };
  return { signal: 'logs', resourceLogs: [{ resource, scopeLogs: [{ scope: SCOPE, logRecords }] }] };
}

function gauge(name: string, points: NumberPoint[]): MetricsRequest {
  return {
    signal: 'metrics',
    resourceMetrics: [
      {
        resource: RESOURCE,
        scopeMetrics: [
          {
            scope: SCOPE,
            metrics: [
              {
                kind: 'gauge',
                name,
                description: '',
                unit: '1',
                temporality: 'unspecified',
                monotonic: false,
                points,
              },
            ],
          },
        ],
      },
    ],
  };
}

function point(attributes: Uint8Array, time: number, value: number): NumberPoint {
  return { attributes, startTime: 0, time, value, flags: 0 };
}
