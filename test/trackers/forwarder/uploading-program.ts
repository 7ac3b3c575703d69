/** Trains for ever, forwarding to an MLflow server, until somebody kills it: `node uploading-program.ts JOURNAL URL`. */
import { startRun } from '../../../src/training/index.ts';

const [journalDir = '', trackingUri = ''] = process.argv.slice(2);
const run = await startRun({
  project: 'kill-me',
  id: 'killed',
  journalDir,
  exporter: false,
  flushInterval: 20,
  trackers: [{ platform: 'mlflow', trackingUri, experimentName: 'x' }],
});
let step = 0;
setInterval(() => {
  for (let i = 0; i < 100; i++)
    run.step({ 'train/loss': 1 / (step + 1), 'train/x': step }, { step: step++, stepTime: 0.01 });
}, 5);
