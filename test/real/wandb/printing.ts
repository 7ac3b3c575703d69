/** A program that prints, through our W&B sink; `calls.py print` prints the same. Arguments: mode, journal folder. */
import { startRun } from '../../../src/training/index.ts';

const [mode = 'online', journalDir = '.'] = process.argv.slice(2);
const run = await startRun({
  project: 'my-llm',
  id: 'ours',
  journalDir,
  exporter: false,
  trackers: [{ platform: 'wandb', console: 'wrap', mode: mode as 'online' | 'offline' }],
});
console.log('epoch 1');
for (let percent = 0; percent <= 100; percent += 10) process.stdout.write(`\r${percent}%`);
console.log();
console.log('grün 😀');
console.error('careful');
process.stdout.write('in ');
process.stdout.write('pieces\n');
process.stdout.write('the rest');
await run.finish();
