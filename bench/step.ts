/**
 * Cost of `run.step` with ten values, derived values and gauges included, against ten gauge records of the
 * OpenTelemetry SDK in the same process. Journal and delivery are not part of a step: their cost is a row of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import type { EventExporter } from '../src/telemetry/index.ts';
import { startRun } from '../src/training/index.ts';
import { type BenchRow, benchRow, median } from './row.ts';

const ROUNDS = 41;
const STEPS = 2000;
const KEYS = [
  'train/loss',
  'train/learning_rate',
  'train/grad_norm',
  'train/gpu_memory_used',
  'train/lm_loss',
  'train/aux_loss',
  'train/z_loss',
  'train/mfu',
  'train/data_wait',
  'train/weight_norm',
] as const;

/** Accepts everything at once: what is measured is our side. */
const accepting: EventExporter = {
  url: 'memory:',
  export: () => Promise.resolve({ ok: true }),
  shutdown: () => Promise.resolve(),
};

export async function benchStep(): Promise<BenchRow[]> {
  const journalDir = mkdtempSync(join(tmpdir(), 'llm-otel-bench-'));
  const run = await startRun({
    project: 'bench',
    journalDir,
    exporter: accepting,
    flushInterval: 3_600_000,
    env: { ...process.env, OTEL_SDK_DISABLED: 'true' },
  });
  const provider = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
        exportIntervalMillis: 3_600_000,
      }),
    ],
  });
  const meter = provider.getMeter('bench');
  const gauges = KEYS.map((key) => meter.createGauge(key));
  const attributes = { 'llm.run.id': run.id, 'llm.rank': 0 };

  let number = 0;
  const step = (): void => {
    number++;
    const x = number * 1e-3;
    run.step(
      {
        'train/loss': 3 + Math.sin(x),
        'train/learning_rate': 1e-3 * x,
        'train/grad_norm': 1.5 + x,
        'train/gpu_memory_used': 2 ** 33 + number,
        'train/lm_loss': 2.5 + x,
        'train/aux_loss': 0.01 * x,
        'train/z_loss': 0.001 * x,
        'train/mfu': 0.41 + 1e-6 * x,
        'train/data_wait': 0.002 + x,
        'train/weight_norm': 101.5 + x,
      },
      { tokens: 8192, samples: 8 },
    );
  };
  const record = (): void => {
    number++;
    for (let i = 0; i < 10; i++) gauges[i]?.record(number * 1e-3 + i, attributes);
  };

  const steps: number[] = [];
  const records: number[] = [];
  const flushes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    steps.push(timed(step));
    const start = performance.now();
    await run.flush();
    flushes.push(((performance.now() - start) * 1000) / STEPS);
    records.push(timed(record));
  }
  await run.finish();
  await provider.shutdown();
  rmSync(journalDir, { recursive: true, force: true });

  // the first rounds are the compiler's
  const settled = (values: number[]): number => median(values.slice(10));
  const perStep = settled(steps);
  const perGauges = settled(records);
  return [
    benchRow({ name: 'step.record_10', value: perStep, unit: 'us', goal: 2, better: 'lower' }),
    benchRow({
      name: 'step.record_10_vs_gauges',
      value: perGauges / perStep,
      unit: 'x',
      goal: 1,
      better: 'higher',
      against: { name: 'ten SDK gauges, us', value: perGauges },
    }),
    benchRow({
      name: 'step.flush_per_step',
      value: settled(flushes),
      unit: 'us',
      goal: null,
      better: 'lower',
    }),
  ];
}

/** Microseconds a call. */
function timed(call: () => void): number {
  const start = performance.now();
  for (let i = 0; i < STEPS; i++) call();
  return ((performance.now() - start) * 1000) / STEPS;
}

if (import.meta.main) {
  for (const { name, value, unit, goal, holds, against } of await benchStep()) {
    const ns = unit === 'us' ? `${Math.round(value * 1000)} ns` : `${value.toFixed(1)} ${unit}`;
    process.stdout.write(
      `${name.padEnd(28)} ${ns.padStart(10)}${goal === null ? '' : `  goal ${goal} ${unit}: ${holds ? 'holds' : 'missed'}`}${against ? `  (${against.name}: ${against.value.toFixed(2)})` : ''}\n`,
    );
  }
}
