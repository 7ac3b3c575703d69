import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium, expect as see, type Page } from '@playwright/test';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Hub, type HubOptions, startHub } from '../../src/hub/index.ts';
import type { TrackerOptions } from '../../src/trackers/index.ts';
import { FedRun, feedTraffic } from '../dashboard/feed.ts';
import { feedRuns, FED_STEPS, HOSTILE, START } from '../dashboard/runs.ts';
import { MlflowStandIn } from '../trackers/mlflow/mlflow-server.ts';

/** The page in a real browser, on a real hub, fed by real OTLP. `LLM_OTEL_CHROMIUM` names another Chromium. */
const CHROMIUM = process.env.LLM_OTEL_CHROMIUM ?? '/usr/bin/chromium';
const found = existsSync(CHROMIUM);
if (!found) {
  const reason = `browser: skipped, no Chromium at ${CHROMIUM} (Debian: apt-get install chromium)`;
  if (process.env.CI === 'true') throw new Error(reason);
  console.warn(reason);
}

const root = fileURLToPath(new URL('../../', import.meta.url));
/** What `browser-in-page.js` brings into the page. */
declare const inPage: {
  inked(canvas: unknown): number;
  redOnRail(plot: unknown): { left: number; right: boolean };
  accessibilityFaults(): string[];
};
describe.skipIf(!found)('the page', () => {
  let folder: string;
  let browser: Browser;
  let hub: Hub;
  let empty: Hub;
  let live: FedRun;
  let page: Page;
  /** Console errors, page errors and policy violations; a test that provokes some clears it. */
  let complaints: string[];
  let nextStep = FED_STEPS;

  const startNew = (name: string, options: HubOptions = {}): Promise<Hub> =>
    startHub({
      ...options,
      port: 0,
      otlpPort: false,
      dataDir: join(folder, name),
      pageDir: join(folder, 'page'),
      interruptedAfterMs: 3_600_000,
    });
  const open = async (query = '', at: Hub = hub): Promise<void> => {
    await page.goto(`${at.url}/${query}`);
    await see(page.locator('main')).toHaveAttribute('data-loaded', 'true');
  };
  const chart = (key: string) => page.locator(`[data-chart="${key}"]`);
  /** Records the next step of the run that is under way. */
  const record = async (loss: number): Promise<number> => {
    const step = nextStep;
    nextStep += 1;
    await live.steps([{ step, time: Date.now(), values: { 'train/loss': loss } }]);
    return step;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-otel-page-'));
    await promisify(execFile)(process.execPath, [
      join(root, 'scripts', 'build-dashboard.mjs'),
      '--out',
      join(folder, 'page'),
    ]);
    hub = await startNew('data');
    empty = await startNew('empty');
    live = await feedRuns(hub.url);
    await feedTraffic(hub.url, Date.now() - 1000, 10);
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu'],
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await hub?.stop();
    await empty?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    complaints = [];
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.addInitScript({ path: fileURLToPath(new URL('browser-in-page.js', import.meta.url)) });
  });

  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  it('shows a tile for each figure, with its unit', async () => {
    await open();
    await see(page.locator('[data-tile="train/loss"] .value')).toHaveText(/^0\.0\d+$/);
    await see(page.locator('[data-tile="api/time_to_first_token"] .value')).toHaveText(/ms$/);
    await see(page.locator('[data-tile="api/requests_per_second"] .value')).toHaveText(/req\/s$/);
    await see(page.locator('[data-tile="system/memory_percent"] .value')).toHaveText(/^4\d(\.\d)?%$/);
    await see(page.locator('[data-tile^="gpu_"]')).toHaveCount(0);
    await see(page.locator('[data-tile="train/loss"]')).toHaveAttribute('title', /llm\.training\.loss/);
  });

  it('lists the runs: running first, statuses in words, NaN counted', async () => {
    await open();
    const rows = page.locator('tr[data-run]');
    await see(rows).toHaveCount(3);
    await see(rows.first()).toContainText('under way');
    await see(rows.first()).toContainText('running');
    const bad = page.locator('tr[data-run="bad"]');
    await see(bad).toContainText('failed');
    await see(bad).toContainText('✕ 12 NaN');
    await page.locator('#run-search').fill('LONG finished');
    await see(rows).toHaveCount(1);
    await see(page).toHaveURL(/q=LONG/);
  });

  it('draws the loss of the run under way, training and validation in one', async () => {
    await open('?run=live');
    await see(chart('train/loss').locator('.badge')).toHaveText(/\d points, exact/);
    await see(chart('train/loss').locator('.legend')).toContainText('val/loss');
    await see.poll(() => inked(chart('train/loss'))).toBeGreaterThan(500);
  });

  it('marks every NaN above the chart, at its true place, and counts them', async () => {
    await open('?view=runs&run=bad');
    await see(chart('train/loss').locator('.legend')).toContainText('✕ 12 NaN');
    await see(chart('train/loss').locator('.legend')).toContainText('first at step 288');
    // The last value is what it ended with, not the last number before.
    await see(chart('train/loss').locator('.legend .value').first()).toHaveText('NaN');
    // The marks are at steps 288 to 299 of 300: at the right end of the rail, and nowhere else.
    await see.poll(() => redOnRail(chart('train/loss'))).toEqual({ left: 0, right: true });
  });

  it('shows text from telemetry as text', async () => {
    await open('?view=runs&run=bad');
    await see(page.getByRole('heading', { name: HOSTILE })).toBeVisible();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.title()).toBe('llm-otel');
  });

  it('tells all about one run', async () => {
    await open('?view=runs&run=bad');
    await see(page.getByRole('region', { name: 'Notes' })).toContainText('the loss is not a number');
    await see(page.locator('.last-error')).toContainText('the loss is not a number');
    await see(page.getByRole('region', { name: 'Artifacts' }).first()).toContainText(
      '2.00 MiB'.replace('.00', ''),
    );
    await see(page.getByRole('region', { name: 'Records' }).first()).toContainText('complete');
  });

  it('says where each tracker of a run stands, also after a restart of the hub', async () => {
    const mlflow = await MlflowStandIn.start();
    const logDir = join(folder, 'experiments');
    mlflow.disturb = () => ({ status: 403, text: 'not for you' });
    const trackers: TrackerOptions[] = [
      { platform: 'local', format: 'json', logDir },
      { platform: 'mlflow', trackingUri: mlflow.url, experimentName: 'seen' },
    ];
    const first = await startNew('tracked', { trackers });
    const run = new FedRun(first.url, { id: 'tracked', name: 'tracked' });
    await run.start(START);
    await run.steps([{ step: 0, time: START, values: { 'train/loss': 3 } }]);
    const row = (name: string) =>
      page.getByRole('region', { name: 'Trackers', exact: true }).locator(`[data-tracker="${name}"]`);
    await open('?view=runs&run=tracked&refresh=5', first);
    await see(row('local')).toContainText('complete', { timeout: 15_000 });
    await see(row('mlflow')).toContainText('not signed in', { timeout: 15_000 });
    await see(page.getByRole('region', { name: 'Trackers', exact: true })).toContainText('not for you');
    expect(await row('mlflow').locator('a').count()).toBe(0);

    mlflow.disturb = () => undefined;
    await run.end(START + 1000, 'finished');
    await see(row('mlflow')).toContainText('complete', { timeout: 60_000 });
    await see(row('mlflow').locator('a')).toHaveAttribute('href', new RegExp(`^${mlflow.url}/#/`));
    expect(mlflow.steps('train/loss')).toEqual([0]);
    await page.goto('about:blank');
    await first.stop();

    // What was complete is still said to be; nothing is sent again.
    const requests = mlflow.server.asked.length;
    const second = await startNew('tracked', { trackers });
    try {
      await open('?view=runs&run=tracked', second);
      await see(row('mlflow')).toContainText('complete');
      await see(row('mlflow').locator('a')).toHaveCount(1);
      expect(mlflow.server.asked.length).toBe(requests);
    } finally {
      await page.goto('about:blank');
      await second.stop();
      await mlflow.server.close();
    }
  }, 120_000);

  it('shows new points without a reload', async () => {
    await open('?run=live');
    await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }));
    await see(page.locator('.connection')).toHaveText('Live');
    const badge = chart('train/loss').locator('.badge');
    await see(badge).toHaveText(/exact/);
    const before = await countOf(badge);
    const reads = seriesReads();
    const step = await record(0.777);
    await see(page.locator('tr[data-run="live"]')).toContainText('0.7770', { timeout: 15_000 });
    await see(page.locator('tr[data-run="live"]')).toContainText(String(step));
    await see.poll(() => countOf(badge)).toBe(before + 1);
    await see(chart('train/loss').locator('.legend .value').first()).toHaveText('0.7770');
    expect(reads()).toEqual([]);
    expect(await page.evaluate(() => 'sameDocument' in globalThis)).toBe(true);
  });

  it('holds everything still while paused, counts what comes, and shows it on resume', async () => {
    await open('?run=live');
    await see(page.locator('.connection')).toHaveText('Live');
    await see(chart('train/loss').locator('.badge')).toHaveText(/exact/);
    await page.keyboard.press('p');
    await see(page.locator('.connection')).toHaveText('Paused');
    await see(page).toHaveURL(/paused=1/);
    const before = await countOf(chart('train/loss').locator('.badge'));
    await record(0.888);
    await record(0.999);
    const chip = page.getByRole('button', { name: '2 new points' });
    await see(chip).toBeVisible({ timeout: 15_000 });
    await see(page.locator('tr[data-run="live"]')).not.toContainText('0.9990');
    expect(await countOf(chart('train/loss').locator('.badge'))).toBe(before);
    await chip.click();
    await see(page.locator('tr[data-run="live"]')).toContainText('0.9990');
    await see.poll(() => countOf(chart('train/loss').locator('.badge'))).toBe(before + 2);
    await see(page).not.toHaveURL(/paused/);
  });

  it('reads a reduced series anew on zoom, down to every point, and goes back on a double click', async () => {
    await open('?view=runs&run=long');
    const loss = chart('train/loss');
    await see(loss.locator('.badge')).toHaveText('20\u202f000 points, reduced');
    const reads = seriesReads();
    await drag(loss, 0.5, 0.52);
    await see(loss.locator('.badge')).toHaveText(/^\d{3} points, exact$/);
    await see(page).toHaveURL(/zoom=\d/);
    expect(
      reads().some((query) => Number(query.get('from')) > 9000 && Number(query.get('to')) < 11_000),
    ).toBe(true);
    await loss.locator('.u-over').dblclick();
    await see(loss.locator('.badge')).toHaveText('20\u202f000 points, reduced');
    await see(page).not.toHaveURL(/zoom/);
  });

  it('pauses on a range picked over time, and reads that range', async () => {
    await open('?view=serving');
    await see(chart('outcomes').locator('.legend')).toContainText('completed');
    await drag(chart('outcomes'), 0.9, 0.99);
    await see(page).toHaveURL(/range=\d+%7E\d+|range=\d+~\d+/);
    await see(page.locator('.connection')).toHaveText('Paused');
    // Summary and charts are of the same time.
    await see(page.getByRole('region', { name: 'Summary of the window' })).not.toContainText('Requests2400');
    await page.getByRole('button', { name: /Back to the last 1h/ }).click();
    await see(page.getByRole('region', { name: 'Summary of the window' })).toContainText('Requests2400');
    await see(page).not.toHaveURL(/range|paused/);
  });

  it('smooths: the raw line stays behind the smoothed one', async () => {
    await open('?view=runs&run=long');
    const loss = chart('train/loss');
    await see(loss.locator('.badge')).toHaveText(/reduced/);
    await page.locator('.slider input').fill('20');
    await see(page).toHaveURL(/smooth=0\.9/);
    await see(loss.locator('.badge')).toHaveText('20\u202f000 points, exact');
    await see(loss.locator('.legend .value')).toHaveText(/^0\.[45]/);
  });

  it('keeps window and refresh in the address, over a reload', async () => {
    await open();
    await page.getByRole('button', { name: '6h', exact: true }).click();
    await page.locator('header select').selectOption('30');
    await see(page).toHaveURL(/window=6h/);
    await see(page).toHaveURL(/refresh=30/);
    await page.reload();
    await see(page.getByRole('button', { name: '6h', exact: true })).toHaveAttribute('aria-pressed', 'true');
    await see(page.locator('header select')).toHaveValue('30');
    await page.keyboard.press('4');
    await see(page).toHaveURL(/window=7d/);
  });

  it('begins with what the settings of the hub say, and lets the address say otherwise', async () => {
    const own = await startNew('settings', {
      dashboard: { refresh_interval: 10_000, time_window: 43_200_000, auto_refresh: false },
    });
    try {
      await open('', own);
      await see(page.getByRole('button', { name: '12h', exact: true })).toHaveAttribute(
        'aria-pressed',
        'true',
      );
      await see(page.locator('header select')).toHaveValue('10');
      await see(page.locator('.connection')).toHaveText('Paused');
      await page.getByRole('button', { name: 'Resume' }).click();
      await see(page).toHaveURL(/\?paused=0$/);
      await page.reload();
      await see(page.locator('.connection')).toHaveText('Live');
    } finally {
      await page.goto('about:blank');
      await own.stop();
    }
  });

  it('shows the training tiles of the run that is selected', async () => {
    await open('?run=long');
    const tile = page.locator('[data-tile="train/loss"]');
    await see(tile).toHaveAttribute('title', /Run: long$/);
    await page.locator('tr[data-run="long"] input').uncheck();
    await see(tile).toHaveAttribute('title', /Run: under way$/);
    await open('?run=bad');
    await see(tile).toHaveAttribute('title', /Run: <img/);
    await see(tile.locator('.value')).toHaveText('NaN');
  });

  it('asks for the stream with the chosen interval, and has one at a time', async () => {
    const streams: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/api/live'))
        streams.push(new URL(request.url()).searchParams.get('interval') ?? '');
    });
    await open('?refresh=10');
    await see(page.locator('.connection')).toHaveText('Live');
    expect(streams).toEqual(['10']);
    await page.locator('header select').selectOption('60');
    await see.poll(() => streams).toEqual(['10', '60']);
  });

  it('polls when the stream cannot be had', async () => {
    await page.route('**/api/live*', (route) => route.abort());
    await open('?run=live');
    await see(page.locator('.connection')).toHaveText('Polling every 5 s', { timeout: 15_000 });
    await record(0.555);
    await see(page.locator('tr[data-run="live"]')).toContainText('0.5550', { timeout: 15_000 });
    expect(complaints.every((text) => text.includes('ERR_FAILED'))).toBe(true);
    complaints = [];
  });

  it('zooms on any axis: relative time', async () => {
    await open('?view=runs&run=long&x=relative');
    const loss = chart('train/loss');
    await see(loss.locator('.badge')).toHaveText('20\u202f000 points, reduced');
    await drag(loss, 0.25, 0.27);
    await see(loss.locator('.badge')).toHaveText(/^\d{3} points, exact$/);
    await see.poll(() => inked(loss)).toBeGreaterThan(500);
    await loss.getByRole('button', { name: 'Reset zoom' }).click();
    await see(loss.locator('.badge')).toHaveText('20\u202f000 points, reduced');
  });

  it('comes back when the hub does, with what it missed', async () => {
    const first = await startNew('restart');
    const run = new FedRun(first.url, { id: 'again', name: 'again' });
    await run.start(START);
    await run.steps([{ step: 0, time: START, values: { 'train/loss': 3 } }]);
    await open('', first);
    await see(page.locator('.connection')).toHaveText('Live');
    await first.stop();
    await see(page.locator('.connection')).not.toHaveText('Live');
    const second = await startHub({
      port: Number(new URL(first.url).port),
      otlpPort: false,
      dataDir: join(folder, 'restart'),
      pageDir: join(folder, 'page'),
    });
    try {
      await run.steps([{ step: 1, time: START + 1000, values: { 'train/loss': 0.321 } }]);
      await see(page.locator('.connection')).toHaveText('Live', { timeout: 20_000 });
      await see(page.locator('tr[data-run="again"]')).toContainText('0.3210', { timeout: 15_000 });
      await see(chart('train/loss').locator('.badge')).toHaveText('2 points, exact');
    } finally {
      await page.goto('about:blank');
      await second.stop();
    }
    expect(complaints.filter((text) => !/ERR_|EventSource|status of 503/.test(text))).toEqual([]);
    complaints = [];
  });

  it('compares runs that are selected', async () => {
    await open();
    await see(page.locator('tr[data-run]')).toHaveCount(3);
    await page.locator('tr[data-run="long"] input').check();
    await see(page).toHaveURL(/run=live&run=long/);
    await see(chart('train/loss').locator('.legend')).toContainText('long');
    await see(chart('train/loss').locator('.legend')).toContainText('under way');
  });

  it('has every chart as a table and as CSV', async () => {
    await open('?view=runs&run=bad');
    const loss = chart('train/loss');
    await loss.getByRole('button', { name: 'Table' }).click();
    await see(loss.locator('table caption')).toContainText('of 300 rows');
    await see(loss.locator('tbody tr').first()).toContainText('NaN');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      loss.getByRole('button', { name: 'Download as CSV' }).click(),
    ]);
    const csv = await readFile(await download.path(), 'utf8');
    expect(csv.split('\r\n')[0]).toBe('step,train/loss,val/loss');
    expect(csv.split('\r\n')[2]).toBe('1,2,');
    expect(csv.split('\r\n')[300]).toBe('299,NaN,');
  });

  it('shows how latencies are spread, with their percentiles and the summary', async () => {
    await open('?view=serving');
    await see(page.getByRole('region', { name: 'Summary of the window' })).toContainText('Requests2400');
    await see(chart('latency').locator('.badge')).toHaveText('2400 requests');
    // Percentiles of histogram, summary and chart agree.
    const summary = page.getByRole('region', { name: 'Summary of the window' });
    const cells = await summary.locator('tr', { hasText: 'TTFT' }).locator('td').allInnerTexts();
    for (const [i, label] of ['p50', 'p95', 'p99'].entries())
      await see(chart('latency').locator('.legend li', { hasText: label }).locator('.value')).toHaveText(
        cells[i + 1] ?? '',
      );
    await see(chart('latency').locator('.legend li')).toHaveCount(4);
    await page.getByRole('button', { name: 'TPOT' }).click();
    await see(page).toHaveURL(/latency=tpot/);
    await see(page.getByRole('heading', { name: 'Time per output token', exact: true })).toBeVisible();
    await see.poll(() => inked(chart('latency'))).toBeGreaterThan(500);
  });

  it('opens a trace as a waterfall', async () => {
    await open('?view=traces');
    await page.getByRole('link', { name: 'POST /v1/chat/completions' }).first().click();
    await see(page.locator('.waterfall li')).toHaveCount(2);
    await page.locator('.waterfall button').nth(1).click();
    await see(page.locator('.trace .pairs')).toContainText('gen_ai.request.model');
    await page.goBack();
    await see(page.locator('.waterfall')).toHaveCount(0);
  });

  it('says how to send data when there are none', async () => {
    await open('', empty);
    await see(page.getByRole('heading', { name: /No data yet/ })).toBeVisible();
    await see(page.locator('pre').first()).toContainText(`OTEL_EXPORTER_OTLP_ENDPOINT=${empty.url}`);
  });

  describe.each(['light', 'dark'] as const)('in %s colours', (theme) => {
    it.each(['overview', 'runs', 'serving', 'host', 'traces'])(
      '%s can be read and operated by everybody',
      async (view) => {
        await open(`?view=${view}&theme=${theme}`);
        await see(page.locator('.card').first()).toBeVisible();
        expect(await page.evaluate(() => inPage.accessibilityFaults())).toEqual([]);
      },
    );
  });

  const inked = (card: ReturnType<typeof chart>): Promise<number> =>
    card.locator('canvas').evaluate((canvas) => inPage.inked(canvas));

  const redOnRail = (card: ReturnType<typeof chart>): Promise<{ left: number; right: boolean }> =>
    card.locator('.plot').evaluate((plot) => inPage.redOnRail(plot));

  const countOf = async (badge: ReturnType<typeof page.locator>): Promise<number> =>
    Number((await badge.innerText()).split(' points')[0]?.replaceAll(/\D/g, ''));

  /** Queries of the series reads from now on. */
  function seriesReads(): () => URLSearchParams[] {
    const queries: URLSearchParams[] = [];
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.pathname.endsWith('/series')) queries.push(url.searchParams);
    });
    return () => queries;
  }

  async function drag(card: ReturnType<typeof chart>, from: number, to: number): Promise<void> {
    const box = await card.locator('.u-over').boundingBox();
    if (box === null) throw new Error('the chart is not drawn');
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + box.width * from, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * ((from + to) / 2), y, { steps: 3 });
    await page.mouse.move(box.x + box.width * to, y, { steps: 3 });
    await page.mouse.up();
  }
});
