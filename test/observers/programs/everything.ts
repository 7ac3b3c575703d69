/**
 * A program with every observer and with work to be set against their energy. The host is the tree of files that its
 * argument names; it moves on by a second with every sample. `work` on standard input trains and serves a little.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startGpuObserver } from '../../../src/observers/gpu/start.ts';
import { LinuxReader } from '../../../src/observers/host/linux-reader.ts';
import { startHostObserver } from '../../../src/observers/host/start.ts';
import { startRuntimeObserver } from '../../../src/observers/runtime/start.ts';
import { startGeneration } from '../../../src/serving/index.ts';
import { startTelemetry } from '../../../src/telemetry/index.ts';
import { startRun } from '../../../src/training/index.ts';

const root = process.argv[2] as string;
let seconds = 0;

/** Two CPUs of which one is half busy, a container that uses 0.75 of its 1.5, a process that uses 0.4 and a child 0.1. */
function moveOn(): void {
  seconds++;
  const change = (path: string, from: RegExp, to: string): void => {
    const file = join(root, path);
    writeFileSync(file, readFileSync(file, 'latin1').replace(from, to));
  };
  const user = 10_000 + 50 * seconds;
  const idle = 80_000 + 150 * seconds;
  change('proc/stat', /^cpu .*$/m, `cpu  ${user} 200 3000 ${idle} 500 40 60 30 7 0`);
  const [read, written] = [80_000 + 2048 * seconds, 160_000 + 4096 * seconds];
  change(
    'proc/diskstats',
    / 259 {7}0 nvme0n1 .*/,
    ` 259       0 nvme0n1 1000 10 ${read} 500 2000 20 ${written} 700 0 1500 1200 0 0 0 0 0 0`,
  );
  const [received, sent] = [1_000_000 + 3000 * seconds, 5_000_000 + 7000 * seconds];
  change('proc/self/net/dev', /eth0:.*/, `eth0:${received} 2000 3 4 0 0 0 0 ${sent} 6000 7 8 0 0 0 0`);
  change('sys/fs/cgroup/job/cpu.stat', /usage_usec \d+/, `usage_usec ${90_000_000 + 750_000 * seconds}`);
  change(
    'sys/fs/cgroup/job/cpu.stat',
    /throttled_usec \d+/,
    `throttled_usec ${2_500_000 + 100_000 * seconds}`,
  );
  change('proc/43/stat', / -1 0 0 0 0 0 \d+ /, ` -1 0 0 0 0 0 ${10 * seconds} `);
}

const reader = new LinuxReader({
  proc: join(root, 'proc'),
  sys: join(root, 'sys'),
  cgroupRoot: root,
  paths: ['/'],
  askSpace: (_path, answer) => answer(null, { bsize: 4096, blocks: 1000, bfree: 400, bavail: 350 }),
  cadence: { details: 0, slow: 0, filesystems: 0, rare: 0 },
  now: () => seconds * 1000,
  own: {
    pid: 42,
    resourceUsage: () => process.resourceUsage(),
    cpuUsage: () => ({ user: 400_000 * seconds, system: 0 }),
    uptime: () => seconds,
    residentBytes: () => 0,
    cwd: () => '/',
  },
});

startTelemetry({ serviceName: 'everything', signals: { traces: false, logs: false } });
startGpuObserver({ interval: 200, slowInterval: 400 });
startRuntimeObserver({ interval: 200 });
startHostObserver({
  interval: 200,
  reader: {
    read() {
      moveOn();
      return reader.read();
    },
    close: () => reader.close(),
  },
});

createInterface({ input: process.stdin }).on('line', () => {
  void (async () => {
    const run = await startRun({ project: 'everything', journalDir: join(root, 'journal'), exporter: false });
    for (let step = 0; step < 4; step++) run.step({ 'train/loss': 1 }, { tokens: 100 });
    for (let i = 0; i < 2; i++) {
      const generation = startGeneration({ model: 'm' });
      generation.tokens(30);
      generation.end();
    }
    await run.finish();
  })();
});
