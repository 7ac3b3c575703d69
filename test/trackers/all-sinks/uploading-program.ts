/**
 * Trains into every tracker until somebody kills it: `node uploading-program.ts JOURNAL ADDRESSES-AS-JSON`. Values are
 * exact as 32-bit floats, which TensorBoard's are.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { startRun } from '../../../src/training/index.ts';
import { type Addresses, everyTracker, HISTOGRAM } from './places.ts';

const [journalDir = '', json = ''] = process.argv.slice(2);
const addresses = JSON.parse(json) as Addresses;
const run = await startRun({
  project: 'kill-me',
  id: 'killed',
  name: 'run',
  params: { lr: 0.5, model: { layers: 2 } },
  journalDir,
  exporter: false,
  flushInterval: 20,
  trackers: everyTracker(addresses),
});
const model = join(addresses.folder, 'model.bin');
writeFileSync(model, 'weights');
let step = 0;
async function train(steps: number): Promise<void> {
  for (const end = step + steps; step < end; step++) {
    const values: Record<string, number> = { 'train/x': step / 4 };
    if (step % 7 === 0) values['train/odd'] = [Number.NaN, Infinity, -Infinity][step % 3] as number;
    run.step(values, { step });
    if (step % 20 === 0) run.histogram(HISTOGRAM, [step, step + 1]);
    if (step % 50 === 49) await run.flush();
  }
}
await train(300);
await run.artifact(model, { kind: 'model', name: 'best', metadata: { step: 299 } });
await train(300);
// what is under way is never done: it waits for its end
await run.flush();
await setTimeout(600_000);
