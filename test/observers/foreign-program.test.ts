import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TilesResponse } from '../../src/conventions/index.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

describe.runIf(process.platform === 'linux')('llm-otel run with a program that is not Node', () => {
  let folder: string;
  let hub: ChildProcess;
  let page: string;
  let otlp: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-otel-foreign-'));
    hub = spawn(
      process.execPath,
      [MAIN, 'hub', '--port', '0', '--otlp-port', '0', '--data-dir', join(folder, 'data')],
      { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const lines = createInterface({ input: hub.stdout as NodeJS.ReadableStream });
    const found = new Map<string, string>();
    for await (const line of lines) {
      const [, what, url] = /(page and API|OTLP) at (\S+)/.exec(line) ?? [];
      if (what && url) found.set(what, url.replace(/\/$/, ''));
      if (found.size === 2) break;
    }
    page = found.get('page and API') as string;
    otlp = found.get('OTLP') as string;
  });
  afterAll(async () => {
    hub.kill('SIGTERM');
    await once(hub, 'close');
    rmSync(folder, { recursive: true, force: true });
  });

  const tiles = async (...keys: string[]): Promise<Record<string, number | null>> => {
    const response = await fetch(`${page}/api/tiles?window=5m&keys=${keys.join(',')}`);
    const { tiles: found } = (await response.json()) as TilesResponse;
    return Object.fromEntries(found.map(({ key, value }) => [key, value as number | null]));
  };

  it("shows CPU and memory of its process tree on the hub, and ends with the program's code", async () => {
    // A shell with two children that wait for the end of their input; the variable takes memory.
    const script = 'x=$(head -c 3000000 /dev/zero | tr "\\0" x); cat & cat; wait; exit 7';
    const child = spawn(process.execPath, [MAIN, 'run', '--endpoint', otlp, '--', 'sh', '-c', script], {
      cwd: folder,
      env: { ...process.env, OTEL_METRIC_EXPORT_INTERVAL: '300', OTEL_METRIC_EXPORT_TIMEOUT: '300' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.stdout.resume();
    const closed = once(child, 'close');
    await vi.waitFor(async () => {
      const values = await tiles('process/memory_rss_gb', 'process/cpu_percent', 'process/children');
      expect(values['process/memory_rss_gb']).toBeGreaterThan(3e6 / 1024 ** 3);
      expect(values['process/cpu_percent']).toBeGreaterThanOrEqual(0);
      expect(values['process/children']).toBeGreaterThanOrEqual(1);
    }, 25_000);
    child.stdin.end();
    const [code] = (await closed) as [number];
    expect([code, errors]).toEqual([7, '']);
  });
});
