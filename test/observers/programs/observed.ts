/**
 * A program with telemetry and the GPU observer. Its state comes and goes by lines on standard input: `end` ends the
 * work, so that the loop runs empty.
 */
import { createInterface } from 'node:readline';
import { startGpuObserver } from '../../../src/observers/gpu/start.ts';
import { startTelemetry } from '../../../src/telemetry/index.ts';

startTelemetry({ serviceName: 'observed', signals: { traces: false, logs: false } });
const gpu = startGpuObserver({
  interval: 200,
  ...(JSON.parse(process.argv[2] ?? '{}') as Parameters<typeof startGpuObserver>[0]),
});
void gpu.first.then((sample) => process.stdout.write(`first ${sample?.devices.length ?? 'none'}\n`));

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (line !== 'end') return;
  lines.close();
  process.stdin.destroy();
});
