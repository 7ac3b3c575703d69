/** Programs that are not Node, under `llm-otel run`: what the page shows of their processes. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium, expect as see, type Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hub, startHub } from '../../src/hub/index.ts';
import { example, pythonOrSkip } from './python-environment.ts';

const CHROMIUM = process.env['LLM_OTEL_CHROMIUM'] ?? '/usr/bin/chromium';
const found = existsSync(CHROMIUM);
if (!found) {
  const reason = `foreign: skipped, no Chromium at ${CHROMIUM} (Debian: apt-get install chromium)`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  console.warn(reason);
}
const python = await pythonOrSkip('a run of Python on the page');

const root = fileURLToPath(new URL('../../', import.meta.url));
const program = (name: string): string => fileURLToPath(new URL(`foreign/${name}`, import.meta.url));

/** What an interpreter takes beside what it is told to hold. */
const INTERPRETER_MIB = 60;

interface Started {
  child: ChildProcess;
  closed: Promise<unknown[]>;
  errors(): string;
}

describe.skipIf(!found || process.platform !== 'linux')('a Python program under llm-otel run', () => {
  let folder: string;
  let hub: Hub;
  let browser: Browser;
  let page: Page;
  const running: Started[] = [];

  const run = (command: string[]): Started => {
    const main = join(root, 'src', 'cli', 'main.ts');
    const child = spawn(process.execPath, [main, 'run', '--endpoint', hub.otlpUrl, '--', ...command], {
      cwd: folder,
      env: {
        ...process.env,
        OTEL_METRIC_EXPORT_INTERVAL: '500',
        OTEL_METRIC_EXPORT_TIMEOUT: '500',
        PYTHONPATH: dirname(example('run_events.py')) + delimiter + dirname(program('workers.py')),
        PYTHONDONTWRITEBYTECODE: '1',
        // A proxy of the machine must not be asked for the loopback address.
        NO_PROXY: '127.0.0.1',
      },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const started = { child, closed: once(child, 'close'), errors: () => errors };
    running.push(started);
    return started;
  };
  /** The last value that a chart's legend tells, in MiB for memory. */
  const shown = async (key: string): Promise<number> => {
    const text = await page.locator(`[data-chart="${key}"] .legend .value`).last().innerText();
    const [, number = '', unit = ''] = /^([\d.]+)\s*(\S*)$/.exec(text) ?? [];
    return Number(number) * (unit === 'GiB' ? 1024 : 1);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-otel-foreign-page-'));
    const pageDir = join(folder, 'page');
    await promisify(execFile)(process.execPath, [
      join(root, 'scripts', 'build-dashboard.mjs'),
      '--out',
      pageDir,
    ]);
    hub = await startHub({ port: 0, otlpPort: 0, dataDir: join(folder, 'data'), pageDir });
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu'],
    });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  });

  afterAll(async () => {
    await browser?.close();
    for (const { child, closed } of running) {
      child.stdin?.end();
      await closed;
    }
    await hub?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('shows CPU and memory of its process tree, and of a run those of its own processes alone', async () => {
    // What is no run and holds much more stands on the page of the host, and not on that of the run.
    const other = run(['python3', program('workers.py'), '2', '200']);
    await page.goto(`${hub.url}/?view=host&refresh=1`);
    await see.poll(() => shown('process/memory_rss_gb'), { timeout: 40_000 }).toBeGreaterThan(400);
    expect(await shown('process/memory_rss_gb')).toBeLessThan(400 + 3 * INTERPRETER_MIB);
    await see(page.locator('[data-chart="system/cpu_percent"] .legend')).toContainText('Process CPU');
    await see.poll(() => shown('system/cpu_percent'), { timeout: 20_000 }).toBeGreaterThan(5);

    if (python !== undefined) {
      const recorded = run([python, program('recorded.py'), 'py-run', '3', '50']);
      await page.goto(`${hub.url}/?view=runs&run=py-run&refresh=1`);
      const processes = page.getByRole('region', { name: 'Processes of the run' });
      await see(processes).toBeVisible({ timeout: 40_000 });
      await see.poll(() => shown('process/children'), { timeout: 20_000 }).toBe(3);
      await see.poll(() => shown('process/memory_rss_gb'), { timeout: 20_000 }).toBeGreaterThan(150);
      expect(await shown('process/memory_rss_gb')).toBeLessThan(150 + 4 * INTERPRETER_MIB);
      await see.poll(() => shown('process/cpu_percent'), { timeout: 20_000 }).toBeGreaterThan(5);

      const machine = page.getByRole('region', { name: 'Machine' }).first();
      await see(machine).toContainText('CPUs');
      await see(machine).toContainText(/Memory\s*[\d.]+ [GT]iB/);
      await see(machine).not.toContainText('nodejs');

      // When it has ended, the page of the run still tells what it took.
      recorded.child.stdin?.end();
      expect([await recorded.closed, recorded.errors()]).toEqual([[0, null], '']);
      await page.reload();
      await see(page.getByRole('region', { name: 'Run from Python' })).toContainText('finished');
      await see.poll(() => shown('process/memory_rss_gb'), { timeout: 20_000 }).toBeGreaterThan(40);
    }

    other.child.stdin?.end();
    expect([await other.closed, other.errors()]).toEqual([[5, null], '']);
  });
});
