/**
 * An idle program for the bench: with the observers that its argument names, or with none. It says `ready PID` and the
 * delay of its loop when it is asked by a line.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { startGpuObserver } from '../../src/observers/gpu/start.ts';
import { startHostObserver } from '../../src/observers/host/start.ts';

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
if (what === 'host') startHostObserver({ interval: Number(interval) });
if (what === 'gpu') await startGpuObserver({ interval: Number(interval) }).first;
process.stdout.write('ready\n');
