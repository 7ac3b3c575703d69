import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PerformanceSummary, RunDetail, RunSummary } from '../../src/conventions/index.ts';
// @ts-expect-error plain JavaScript without declarations
import { OLDEST_NODE, oldestNode } from '../../scripts/real-install.mjs';

/** The compiled package on the oldest Node that `engines` allows: hub, run, register, command. */
const node = oldestNode as string;
const isThere = existsSync(node);
if (!isThere) console.log(`skipped: Node ${OLDEST_NODE} is not there (npm run real:install)`);
const dist = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));

const PROGRAM = `
import http from 'node:http';
import { once } from 'node:events';
import { startRun } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
const run = await startRun({ project: 'oldest', id: 'oldest-1', journalDir: process.argv[2] });
for (let i = 0; i < 100; i++) run.step({ 'train/loss': i === 50 ? NaN : 1 / (i + 1) });
await run.finish();
const server = http.createServer(async (request, response) => {
  for await (const _ of request);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: {"choices":[{"delta":{"content":"hi"}}]}\\n\\n');
  response.end('data: [DONE]\\n\\n');
}).listen(0, '127.0.0.1');
await once(server, 'listening');
for (let i = 0; i < 5; i++) {
  const body = JSON.stringify({ model: 'm', stream: true, messages: [] });
  await (await fetch('http://127.0.0.1:' + server.address().port + '/v1/chat/completions', { method: 'POST', body })).text();
}
server.close();
`;

describe.skipIf(!isThere)(`on Node ${OLDEST_NODE}`, () => {
  let folder: string;
  let hub: ChildProcess;
  let url: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-otel-oldest-'));
    hub = spawn(
      node,
      [dist('cli/main.js'), 'hub', '--port', '0', '--no-otlp-port', '--data-dir', join(folder, 'data')],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    for await (const line of createInterface({ input: hub.stdout as NodeJS.ReadableStream })) {
      const found = /page and API at (http:\/\/[^/]+)/.exec(line);
      if (!found) continue;
      url = found[1] as string;
      break;
    }
    writeFileSync(join(folder, 'program.mjs'), PROGRAM);
    const args = [
      '--import',
      new URL('../../dist/register.js', import.meta.url).href,
      join(folder, 'program.mjs'),
      join(folder, 'journal'),
    ];
    await promisify(execFile)(node, args, {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SERVICE_NAME: 'oldest' },
    });
  });
  afterAll(async () => {
    hub.kill('SIGTERM');
    await new Promise((resolve) => hub.once('close', resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  const get = async <T>(path: string) => (await (await fetch(url + path)).json()) as T;

  it('keeps every step of a run, NaN too', async () => {
    expect(await get<RunDetail>('/api/runs/oldest-1')).toMatchObject({
      steps: 100,
      nonFinite: 2,
      status: 'finished',
    });
    expect((await get<{ runs: RunSummary[] }>('/api/runs?project=oldest')).runs).toHaveLength(1);
  });

  it('counts the generations of a server under register', async () => {
    expect((await get<PerformanceSummary>('/api/summary?minutes=5')).requests).toMatchObject({
      total: 5,
      completed: 5,
    });
  });

  it('says nothing of its own about SQLite where no hub runs', async () => {
    const { stderr } = await promisify(execFile)(node, [dist('cli/main.js'), 'runs', '--help']);
    expect(stderr).toBe('');
  });

  it('has a command that lists the run', async () => {
    const { stdout } = await promisify(execFile)(node, [dist('cli/main.js'), 'runs', 'list', '--hub', url]);
    expect(stdout).toMatch(/oldest-1 +oldest/);
  });
});
