/**
 * Takes a picture of a run's page in a real MLflow server that llm-otel has filled: `node scripts/screenshot-mlflow.mjs
 * [--out FILE] [--tab overview|model-metrics|system-metrics|artifacts]`. Default: docs/images/mlflow-run.png, model-metrics.
 * Needs Node 24, Chromium, the Python environment of the real tests (`npm run real:install`), and on PYTHONPATH the same
 * version of MLflow with its pages, which the tests do without: `pip install --no-deps --target FOLDER mlflow==3.17.2`.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { startRun } from '../src/training/index.ts';
import { MlflowServer } from '../test/real/mlflow/server.ts';
import { pythonEnvironment } from './real-install.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const MOST_BYTES = 250_000;
const STEPS = 400;
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'docs', 'images', 'mlflow-run.png') },
    tab: { type: 'string', default: 'model-metrics' },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'llm-otel-mlflow-'));
const server = await MlflowServer.start(join(pythonEnvironment(), 'bin', 'python'), folder);
const browser = await chromium.launch({
  executablePath: process.env.LLM_OTEL_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const address = await record();
  const page = await browser.newPage({ viewport: { width: 1200, height: 640 }, reducedMotion: 'reduce' });
  // Its pages begin as those of a maker of applications.
  await page.goto(server.url);
  await page.getByText('Model training', { exact: true }).click({ timeout: 60_000 });
  await page.goto(values.tab === 'overview' ? address : `${address}/${values.tab}`);
  await page.getByText('char-lm-lora').first().waitFor({ timeout: 60_000 });
  // Only what is of the run.
  await page
    .getByRole('button', { name: 'Close' })
    .first()
    .click({ timeout: 5000 })
    .catch(() => {});
  const search = page.getByPlaceholder('Search metric charts');
  if (values.tab.endsWith('metrics')) await search.fill('loss|learning_rate|grad_norm', { timeout: 60_000 });
  // its charts and tables have been drawn
  await page.waitForTimeout(5000);
  await page.screenshot({ path: values.out, animations: 'disabled' });
} finally {
  await browser.close();
  await server.kill();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
const { size } = statSync(values.out);
process.stdout.write(`${values.out}, ${Math.round(size / 1000)} kB\n`);
if (size > MOST_BYTES) process.exitCode = 1;

/** A run as a program would record it: the address of its page. */
async function record() {
  const run = await startRun({
    project: 'char-lm',
    name: 'char-lm-lora',
    params: { model: { layers: 2, width: 64 }, learning_rate: 3e-3, batch_size: 16, seed: 1 },
    tags: { stage: 'demo' },
    journalDir: join(folder, 'journal'),
    exporter: false,
    env: { OTEL_SDK_DISABLED: 'true' },
    trackers: [{ platform: 'mlflow', trackingUri: server.url }],
  });
  run.lora({ total: 1_200_000, trainable: 24_000 });
  for (let step = 0; step < STEPS; step++) {
    const noise = Math.sin(step * 12.9898) * 0.05;
    run.step(
      {
        'train/loss': step > 250 && step < 254 ? Number.NaN : 3.2 * Math.exp(-step / 120) + 0.4 + noise,
        'train/learning_rate': 3e-3 * (1 - step / STEPS),
        'train/grad_norm': 0.8 + Math.abs(noise) * 8,
      },
      { tokens: 1024 },
    );
    if (step % 50 === 49) run.validation({ 'val/loss': 3.1 * Math.exp(-step / 120) + 0.5 });
    if (step % 10 === 9) await new Promise((done) => setTimeout(done, 20));
  }
  const model = join(folder, 'model.bin');
  writeFileSync(model, Buffer.alloc(20_000, 7));
  await run.artifact(model, { kind: 'model' });
  run.note('The loss was not a number for three steps: see step 251.', 'warn');
  await run.finish();
  return run.stats().trackers[0].url;
}
