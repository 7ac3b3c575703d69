import { setTimeout as sleep } from 'node:timers/promises';
import { LinuxReader } from '../src/observers/host/linux-reader.ts';
import { publishHost } from '../src/observers/host/publish.ts';
import type { HostSnapshot } from '../src/observers/host/snapshot.ts';
import { HOST_SCOPE } from '../src/observers/host/start.ts';
import { Published } from '../src/observers/published.ts';
import { InstrumentProducer } from '../src/telemetry/instruments/producer.ts';
import { InstrumentRegistry } from '../src/telemetry/instruments/registry.ts';
import { NvmlStub, stubPossible } from '../test/observers/gpu/nvml-stub.ts';
import { Observed } from './observers/observed.ts';
import { otherReaders } from './observers/others.ts';
import { type BenchRow, benchRow, median } from './row.ts';

const ROUNDS = 7;
const SAMPLES = 300;
/** As long as the slowest readings of the host take to come round. */
const HOST_MS = 30_000;
/** The GPUs are sampled more often, for this time, and the share is given for one sample a second. */
const GPU_MS = 10_000;
const GPU_RATE = 5;
/** A program that has begun compiles for some time. */
const SETTLE_MS = 15_000;

/** Cost of the observers: of one sample, of an otherwise idle program that is observed, and of a driver that hangs. Linux only. */
export async function benchObservers(): Promise<BenchRow[]> {
  if (process.platform !== 'linux') return [];
  const sample = await hostSample();
  const others = await otherReaders();
  // Beside it what any wake-up costs on this machine: a timer that does nothing.
  const [host, timer] = await Promise.all([share('host', 1, HOST_MS), share('timer', 1, HOST_MS)]);
  const against = { name: 'an empty timer', value: timer };
  const rows = [
    row('observer.host_sample_us', sample, 'us', 300, others.cheapest),
    row('observer.host_core_percent', host, '% at 1 Hz', null, against),
    row('observer.host_over_timer_percent', host - timer, '% at 1 Hz', 0.02, against),
    ...others.rows,
  ];
  if (stubPossible) rows.push(...(await gpuRows()));
  return rows;
}

function row(
  name: string,
  value: number,
  unit: string,
  goal: number | null,
  against?: BenchRow['against'],
): BenchRow {
  return benchRow({ name, value, unit, goal, better: 'lower', ...(against && { against }) });
}

/** CPU time of one sample of the host, read and published, in microseconds. */
async function hostSample(): Promise<number> {
  const reader = new LinuxReader();
  const published = new Published(new InstrumentRegistry(), HOST_SCOPE);
  let previous: HostSnapshot | undefined;
  const costs: number[] = [];
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const before = process.threadCpuUsage();
      for (let i = 0; i < SAMPLES; i++) {
        const snapshot = reader.read();
        publishHost(published, snapshot, previous, { machine: [0, 0], process: [0, 0] });
        previous = snapshot;
      }
      const { user, system } = process.threadCpuUsage(before);
      if (round > 0) costs.push((user + system) / SAMPLES); // the first round compiles
      // Lets the answers about file systems come in.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  } finally {
    reader.close();
  }
  return median(costs);
}

/** CPU of an idle program and what it has started, in percent of a core, for one sample a second. */
async function share(
  what: 'timer' | 'host' | 'gpu',
  rate: number,
  milliseconds: number,
  env: Record<string, string> = {},
): Promise<number> {
  const observed = await Observed.start([what, String(1000 / rate)], env);
  await sleep(SETTLE_MS);
  const before = observed.cpu();
  await sleep(milliseconds);
  const used = observed.cpu() - before;
  await observed.end();
  const samples = (milliseconds / 1000) * rate;
  return (used / samples / 1e6) * 100;
}

/** Eight GPUs of the stand-in. */
async function gpuRows(): Promise<BenchRow[]> {
  const stub = new NvmlStub();
  try {
    // Without the file that steers it, which it would read at every call.
    const { NVML_STUB_STATE: _, ...env } = stub.env;
    const [gpu, timer] = await Promise.all([
      share('gpu', GPU_RATE, GPU_MS, env),
      share('timer', GPU_RATE, GPU_MS),
    ]);
    // Beside one without observers, at the same time: whatever else the machine does then hits both.
    const [hung, calm] = [await Observed.start(['gpu', '200'], stub.env), await Observed.start(['none'])];
    stub.set('hang utilization');
    await Promise.all([hung.delay(), calm.delay()]);
    await sleep(3000);
    const [delay, usual] = await Promise.all([hung.delay(), calm.delay()]);
    await calm.end();
    const exit = await hung.end();
    return [
      row('observer.gpu8_core_percent', gpu, '% at 1 Hz', 0.1, { name: 'an empty timer', value: timer }),
      row('observer.gpu_publish_us', await publishCost(stub.library), 'us', null),
      row('observer.gpu_hang_loop_p99_ms', delay, 'ms', null, { name: 'without observers', value: usual }),
      row('observer.gpu_hang_exit_ms', exit, 'ms', 1000),
    ];
  } finally {
    stub.set();
    stub.remove();
  }
}

/** What the program itself bears of a sample of eight GPUs: publishing it, in microseconds. */
async function publishCost(library: string): Promise<number> {
  const { default: koffi } = await import('koffi');
  const { loadNvml } = await import('../src/observers/gpu/nvml/library.ts');
  const { NvmlSource } = await import('../src/observers/gpu/nvml/source.ts');
  const { GpuPublisher } = await import('../src/observers/gpu/publish.ts');
  const { SampleDecoder, SampleEncoder } = await import('../src/observers/gpu/wire.ts');
  const bound = loadNvml(koffi, [library]);
  if (!bound) throw new Error('the stand-in cannot be loaded');
  const source = new NvmlSource({ library: bound, log: () => {} });
  const encoder = new SampleEncoder();
  const decoder = new SampleDecoder();
  const messages = [true, false].map((slow) => JSON.stringify(encoder.encode(source.poll(slow))));
  source.close();
  const registry = new InstrumentRegistry();
  const publisher = new GpuPublisher(new Published(registry, 'bench'), { machine: [0, 0], observer: [0, 0] });
  const publish = (message: string, time: number) => {
    const sample = decoder.decode(JSON.parse(message) as Parameters<typeof decoder.decode>[0]);
    if (sample) publisher.publish(sample, { time, xids: new Map(), assigned: new Map() });
  };
  publish(messages[0] as string, 0);
  const costs: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.threadCpuUsage();
    for (let i = 0; i < SAMPLES; i++) publish(messages[1] as string, i);
    const { user, system } = process.threadCpuUsage(before);
    if (round > 0) costs.push((user + system) / SAMPLES);
    await new InstrumentProducer({ registry }).collect();
  }
  return median(costs);
}
