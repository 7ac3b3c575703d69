import { LinuxReader } from '../src/observers/host/linux-reader.ts';
import { publishHost } from '../src/observers/host/publish.ts';
import type { HostSnapshot } from '../src/observers/host/snapshot.ts';
import { HOST_SCOPE } from '../src/observers/host/start.ts';
import { Published } from '../src/observers/published.ts';
import { InstrumentRegistry } from '../src/telemetry/instruments/registry.ts';
import { type BenchRow, benchRow, median } from './row.ts';

const ROUNDS = 7;
const SAMPLES = 300;

/** CPU time of one sample of the host, read and published. Linux only: elsewhere there is no row. */
export async function benchObservers(): Promise<BenchRow[]> {
  if (process.platform !== 'linux') return [];
  const reader = new LinuxReader();
  const published = new Published(new InstrumentRegistry(), HOST_SCOPE);
  const starts = { machine: [0, 0], process: [0, 0] } as const;
  let previous: HostSnapshot | undefined;
  const costs: number[] = [];
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const before = process.threadCpuUsage();
      for (let i = 0; i < SAMPLES; i++) {
        const snapshot = reader.read();
        publishHost(published, snapshot, previous, {
          machine: [...starts.machine],
          process: [...starts.process],
        });
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
  return [
    benchRow({
      name: 'observer.host_sample_us',
      value: median(costs),
      unit: 'us',
      goal: 300,
      better: 'lower',
    }),
  ];
}
