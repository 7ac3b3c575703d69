import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COLLECTOR_IMAGE, COLLECTOR_VERSION } from '../../src/collector/index.ts';
import { OWN_COMPONENTS } from '../../src/collector/check/components.ts';
import { listing, program, temporaryFolder } from '../collector/programs.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

function run(
  folder: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  // No Collector of this machine, and no variable of this user's.
  const clean = { PATH: '', LLM_OTEL_REAL_DIR: join(folder, 'cache'), ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: folder, env: clean }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
    );
  });
}

const mine = { ...OWN_COMPONENTS } as unknown as Record<string, string[]>;
/** Answers the health check until SIGTERM; `components` and `validate` as a Collector does. */
const FAKE = `
if (process.argv[2] === 'components') { console.log(${JSON.stringify(listing(COLLECTOR_VERSION, mine))}); process.exit(); }
if (process.argv[2] === 'validate') {
  if (!process.argv.join(' ').includes('debug/debug')) process.exit();
  console.error('Error: exporters::debug/debug: seen by the Collector'); process.exit(1);
}
const config = require('node:fs').readFileSync(process.argv[process.argv.indexOf('--config') + 1], 'utf8');
const { createServer } = require('node:http');
createServer((_, response) => response.end('ok')).listen(Number(/health_check: \\{endpoint: "127.0.0.1:(\\d+)"/.exec(config)[1]), '127.0.0.1');
`;

async function freePorts(count: number): Promise<string[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => String((server.address() as AddressInfo).port));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The first line of a child that matches. */
function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
      const match = pattern.exec(text);
      if (match) resolve(match[1] as string);
    });
    child.once('close', (code) => reject(new Error(`ended with ${code} before it printed ${pattern}`)));
  });
}

// Each test starts the command a few times, on machines that may be busy.
describe('llm-otel collector', { timeout: 180_000 }, () => {
  it('prints the final configuration out of monitoring.yaml, environment and flags', async () => {
    using folder = temporaryFolder();
    writeFileSync(
      join(folder.path, 'monitoring.yaml'),
      'monitoring: {collector: {destinations: [hub, mlflow], ports: {http: 5318, grpc: 5317}}}\n',
    );
    const { code, out, err } = await run(folder.path, ['collector', 'config', '--http-port', '6318'], {
      MLFLOW_TRACKING_URI: 'http://mlflow.example',
    });
    expect([code, err]).toEqual([0, '']);
    const config = parse(out) as {
      receivers: { otlp: { protocols: unknown } };
      exporters: Record<string, unknown>;
    };
    expect(config.receivers.otlp.protocols).toMatchObject({
      http: { endpoint: '127.0.0.1:6318' },
      grpc: { endpoint: '127.0.0.1:5317' },
    });
    expect(Object.keys(config.exporters)).toEqual(['nop/none', 'otlp_http/hub', 'otlp_http/mlflow']);
    expect(out).toContain('endpoint: "http://mlflow.example" # MLFLOW_TRACKING_URI: environment');
  });

  it('fails for a broken overlay with its line, without a Collector and by one', async () => {
    using folder = temporaryFolder();
    writeFileSync(
      join(folder.path, 'my.yaml'),
      'service:\n  pipelines:\n    traces/in: {exporters: [otlp_http/hub]}\n',
    );
    const own = await run(folder.path, ['collector', 'validate', '--overlay', 'my.yaml']);
    expect(own.code).toBe(1);
    expect(own.out).toMatch(
      /my\.yaml:3:28: error: service\.pipelines\.traces\/in\.exporters: replaces the list of/,
    );
    expect(own.out).toContain('1 error (checked by our check)');

    const path = program(join(folder.path, 'otelcol'), FAKE);
    const real = await run(folder.path, ['collector', 'validate', '--destinations', 'debug', '--json'], {
      OTELCOL: path,
    });
    expect(real.code).toBe(1);
    expect(JSON.parse(real.out)).toMatchObject({
      collector: { path, version: COLLECTOR_VERSION },
      findings: [
        { file: 'destinations/debug.yaml', path: 'exporters.debug/debug', message: 'seen by the Collector' },
      ],
    });
    const good = await run(folder.path, ['collector', 'validate'], { OTELCOL: path });
    expect([good.code, good.out]).toEqual([
      0,
      `valid (checked by our check and by Collector ${COLLECTOR_VERSION} (${path}))\n`,
    ]);
  });

  it('says what is missing: a Collector, a variable, a checksum', async () => {
    using folder = temporaryFolder();
    const none = await run(folder.path, ['collector', 'run']);
    expect([none.code, none.err]).toEqual([
      1,
      expect.stringContaining(
        'no Collector was found ($OTELCOL, PATH, cache); "llm-otel collector install" gets one',
      ),
    ]);
    const variable = await run(folder.path, ['collector', 'run', '--destinations', 'weave']);
    expect([variable.code, variable.err]).toEqual([
      1,
      expect.stringContaining('environment variable WANDB_API_KEY is not set'),
    ]);
    const checksum = await run(folder.path, [
      'collector',
      'install',
      '--download',
      '--url',
      'http://127.0.0.1:9/x.tar.gz',
    ]);
    expect([checksum.code, checksum.err]).toEqual([1, expect.stringContaining('a download needs --sha256')]);
    const image = await run(folder.path, ['collector', 'install', '--image']);
    expect(image.out).toBe(`${COLLECTOR_IMAGE}\n`);
    const wrong = await run(folder.path, ['collector', 'config', '--destinations', 'hub,mlfow']);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('not "mlfow"')]);
  });

  it('up runs hub and Collector, and stops both at SIGTERM', async () => {
    using folder = temporaryFolder();
    const path = program(join(folder.path, 'otelcol'), FAKE);
    const [http, grpc, health, metrics] = await freePorts(4);
    const ports = `--http-port ${http} --grpc-port ${grpc} --health-port ${health} --metrics-port ${metrics}`;
    const args = `up --port 0 --data-dir data --state-dir state ${ports}`.split(' ');
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: folder.path,
      env: { PATH: '', OTELCOL: path },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    const [page, sendTo] = await Promise.all([
      lineOf(child, /hub: page and API at (\S+)/),
      lineOf(child, /collector: OTLP at (\S+)/),
    ]);
    expect(sendTo).toBe(`http://127.0.0.1:${http}`);
    expect((await fetch(`${page}healthz`)).status).toBe(200);
    // The Collector was told where this hub is.
    expect(readFileSync(join(folder.path, 'state', 'collector.yaml'), 'utf8')).toContain(
      `endpoint: "${page.replace(/\/$/, '')}" # HUB_ENDPOINT: flag`,
    );
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    await expect(fetch(`http://127.0.0.1:${health}/`)).rejects.toThrow();
  });
});
