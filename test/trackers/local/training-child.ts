/** Trains for ever into a local tracker; prints `ready` when the run has steps. `training-child.ts FORMAT FOLDER`. */
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { startRun } from '../../../src/training/index.ts';

const [format, folder] = process.argv.slice(2) as ['json', string];
const run = await startRun({
  project: 'killed',
  name: 'run',
  id: 'k1',
  journalDir: join(folder, 'journal'),
  exporter: false,
  flushInterval: 5,
  trackers: [{ platform: 'local', logDir: join(folder, 'log'), format, autoSaveInterval: '5ms' }],
});
const file = join(folder, 'log', 'killed', 'run-k1', 'run.json');
const saved = (): number =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { steps: number }).steps : 0;
let told = false;
for (let step = 0; ; step++) {
  run.step({ 'train/loss': 1 / (step + 1) }, { step });
  // a step takes its time: what is left behind stays small
  if (step % 5 === 0) await setTimeout(1);
  // in the middle of saving, again and again
  if (!told && step % 50 === 0 && saved() > 100) {
    told = true;
    writeSync(1, 'ready\n');
  }
}
