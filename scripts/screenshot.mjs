/**
 * Takes a picture of a hub's page in Chromium: `node scripts/screenshot.mjs URL [--out FILE] [--query QUERY]
 * [--width 1280] [--height 900] [--theme light|dark] [--full]`. Default file: docs/images/dashboard.png.
 * Exits 1 on any console error, failed request or refused answer, and when the picture grows over 250 KB.
 * LLM_OTEL_CHROMIUM names another Chromium than /usr/bin/chromium.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const MOST_BYTES = 250_000;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: join(root, 'docs', 'images', 'dashboard.png') },
    query: { type: 'string', default: '' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '900' },
    theme: { type: 'string', default: 'light' },
    full: { type: 'boolean', default: false },
  },
});
const [url] = positionals;
const executablePath = process.env.LLM_OTEL_CHROMIUM ?? '/usr/bin/chromium';
const fail = (message, code) => {
  process.stderr.write(`screenshot: ${message}\n`);
  process.exit(code);
};
if (url === undefined) fail('expected the address of a hub, such as http://127.0.0.1:4319', 2);
if (!existsSync(executablePath))
  fail(`no Chromium at ${executablePath} (Debian: apt-get install chromium)`, 1);

const faults = [];
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage({
    viewport: { width: Number(values.width), height: Number(values.height) },
    colorScheme: values.theme === 'dark' ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  page.on('requestfailed', (request) => {
    // The page itself takes back a read that a newer one replaces.
    const reason = request.failure()?.errorText ?? 'failed';
    if (reason !== 'net::ERR_ABORTED') faults.push(`${reason} ${request.url()}`);
  });
  const target = new URL(url);
  target.search = values.query;
  await page.goto(target.href);
  await page.waitForSelector('main[data-loaded="true"]', { timeout: 30_000 });
  // What is on the screen has been read, and the stream is open.
  await page.waitForFunction(() => document.querySelector('.connection.live') !== null, undefined, {
    timeout: 30_000,
  });
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll('main .empty')].every(
        (element) => !element.textContent.startsWith('Reading'),
      ) && document.fonts.status === 'loaded',
    undefined,
    { timeout: 30_000 },
  );
  await page.waitForTimeout(500);
  mkdirSync(dirname(resolve(values.out)), { recursive: true });
  await page.screenshot({ path: values.out, fullPage: values.full, animations: 'disabled' });
} catch (error) {
  faults.push(error instanceof Error ? error.message : String(error));
} finally {
  await browser.close();
}
if (faults.length > 0) fail(`${faults.length} faults\n  ${faults.join('\n  ')}`, 1);
const { size } = statSync(values.out);
if (size > MOST_BYTES) fail(`${values.out} has ${size} bytes, at most ${MOST_BYTES} are wanted`, 1);
process.stdout.write(
  `screenshot: ${values.out} (${Math.round(size / 1024)} KiB), no console error, no failed request\n`,
);
