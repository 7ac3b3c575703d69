import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { hubOptions } from '../../src/cli/hub.ts';
import { TOKEN_FILE, writeTokenFile } from '../../src/cli/token-file.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

test('the page begins with what monitoring.yaml says', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-cli-'));
  folders.push(folder);
  const config = join(folder, 'monitoring.yaml');
  writeFileSync(
    config,
    'monitoring:\n  dashboard: {refresh_interval: 10, time_window: 6h, auto_refresh: false}\n',
  );
  expect(hubOptions({ config }, {}).dashboard).toEqual({
    refresh_interval: 10_000,
    time_window: 21_600_000,
    auto_refresh: false,
  });
});

test('a token that the hub made is in a file for its user alone while it runs, and is never printed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-cli-'));
  folders.push(folder);
  const dataDir = join(folder, 'data');
  const child = spawn(
    process.execPath,
    [MAIN, 'hub', '--port', '0', '--no-otlp-port', '--auth', 'token', '--data-dir', dataDir],
    { cwd: folder, env: { ...process.env, LLM_OTEL_HUB_TOKEN: '' } },
  );
  let printed = '';
  child.stderr.on('data', (bytes: Buffer) => (printed += bytes.toString()));
  try {
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => (printed += `${line}\n`));
    let page: string | undefined;
    while (page === undefined) {
      await once(lines, 'line');
      page = /page and API at (\S+)/.exec(printed)?.[1];
    }
    const file = join(dataDir, 'hub.token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    const token = readFileSync(file, 'utf8').trim();
    expect(token).toHaveLength(43);
    const { origin } = new URL(page);
    expect((await fetch(`${origin}/api/runs`)).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${origin}/api/runs`, { headers })).status).toBe(200);
    // A second browser, with the file; the first with the code that was printed.
    for (const address of [`${origin}/?token=${token}`, page]) {
      const reply = await fetch(address, { redirect: 'manual' });
      expect([reply.status, reply.headers.get('location')]).toEqual([303, '/']);
    }
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    await ended;
    expect(existsSync(file)).toBe(false);
    expect(printed).toContain(file);
    expect(printed).not.toContain(token);
  } finally {
    child.kill('SIGKILL');
  }
});

test('the file of the token replaces what stands there, and follows no link', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-cli-'));
  folders.push(folder);
  const other = join(folder, 'other');
  writeFileSync(other, 'theirs');
  symlinkSync(other, join(folder, TOKEN_FILE));
  const { path, remove } = writeTokenFile(folder, 'a-token');
  expect([readFileSync(path, 'utf8'), readFileSync(other, 'utf8')]).toEqual(['a-token\n', 'theirs']);
  remove();
  expect(existsSync(path)).toBe(false);
});
