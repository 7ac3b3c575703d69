/**
 * An idle program for the bench: with the observers that its argument names, or with none. It says `ready PID` and the
 * delay of its loop when it is asked by a line.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGpuObserver } from '../../src/observers/gpu/start.ts';
import { LinuxReader } from '../../src/observers/host/linux-reader.ts';
import { startHostObserver } from '../../src/observers/host/start.ts';

const EVERY_SAMPLE = { details: 0, slow: 0, filesystems: 1000, rare: 1000 };

const [what, interval = '1000'] = process.argv.slice(2);
/** Only when asked for: it looks at the loop a hundred times a second. */
let delays: ReturnType<typeof monitorEventLoopDelay> | undefined;
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (line === 'delay') {
    process.stdout.write(`${(delays?.percentile(99) ?? 0) / 1e6}\n`);
    delays ??= monitorEventLoopDelay({ resolution: 10 });
    delays.enable();
    delays.reset();
  } else {
    lines.close();
    process.stdin.destroy();
  }
});
if (what === 'timer') setInterval(() => {}, Number(interval)).unref();
if (what === 'host') {
  // As it is after an hour: compiled.
  const warming = startHostObserver({ interval: 100, reader: new LinuxReader({ cadence: EVERY_SAMPLE }) });
  await sleep(5000);
  warming.stop();
  startHostObserver({ interval: Number(interval) });
}
// The slow readings once in thirty samples, as with the intervals that it has by default.
if (what === 'gpu')
  await startGpuObserver({ interval: Number(interval), slowInterval: 30 * Number(interval) }).first;
process.stdout.write('ready\n');
