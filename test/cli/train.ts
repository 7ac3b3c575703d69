/** A tiny run whose receiver is not there: its records stay in the journal. */
import { startRun } from '../../src/training/index.ts';

const run = await startRun({
  project: 'cli-test',
  name: 'one',
  id: 'run-1',
  params: { lr: 0.1 },
  journalDir: process.argv[2],
  endpoint: 'http://127.0.0.1:9',
  finishTimeout: 100,
});
for (const loss of [0.1 + 0.2, 1 / 3, Number.NaN, -Infinity, 5e-324])
  run.step({ 'train/loss': loss, 'train/perplexity': 1 });
await run.finish();
