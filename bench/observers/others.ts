import { readFileSync } from 'node:fs';
import { type BenchRow, benchRow, median } from '../row.ts';

const ROUNDS = 5;

/** What other readers of the host cost for one reading, in microseconds of CPU, programs that they start included. */
export async function otherReaders(): Promise<{
  rows: BenchRow[];
  cheapest: NonNullable<BenchRow['against']>;
}> {
  const rows: BenchRow[] = [await systeminformation(), await hostMetrics()];
  const cheapest = rows.reduce((a, b) => (a.value <= b.value ? a : b));
  return { rows, cheapest: { name: cheapest.name.replace('observer.', ''), value: cheapest.value } };
}

const info = (name: string, value: number): BenchRow =>
  benchRow({ name, value, unit: 'us', goal: null, better: 'lower' });

/** CPU, memory, file systems, disks and network: about what one sample of ours reads. */
async function systeminformation(): Promise<BenchRow> {
  const si = await import('systeminformation');
  const read = async () => {
    await Promise.all([si.currentLoad(), si.mem(), si.fsSize(), si.disksIO(), si.networkStats()]);
  };
  return info('observer.systeminformation_us', await costOf(read));
}

/** OpenTelemetry's own: CPU, memory, network and the process. */
async function hostMetrics(): Promise<BenchRow> {
  const { HostMetrics } = await import('@opentelemetry/host-metrics');
  const { MeterProvider, MetricReader } = await import('@opentelemetry/sdk-metrics');
  class Reader extends MetricReader {
    protected override async onForceFlush(): Promise<void> {}
    protected override async onShutdown(): Promise<void> {}
  }
  const reader = new Reader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  new HostMetrics({ meterProvider }).start();
  await reader.collect();
  const cost = await costOf(async () => {
    await reader.collect();
  });
  await meterProvider.shutdown();
  return info('observer.host_metrics_us', cost);
}

async function costOf(read: () => Promise<void>): Promise<number> {
  const costs: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = cpu();
    await read();
    if (round > 0) costs.push(cpu() - before);
    // Both keep what they read for up to half a second.
    await new Promise((resolve) => setTimeout(resolve, 600));
  }
  return median(costs);
}

/** Of this process and of those that it has started and that have ended, in microseconds. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // cutime and cstime in hundredths of a second (man 5 proc_pid_stat, fields 16 and 17)
  return user + system + (Number(fields[13]) + Number(fields[14])) * 10_000;
}
