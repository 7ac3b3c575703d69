import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDetail, RunSummary } from '../../src/conventions/index.ts';
import { MlflowStandIn } from '../trackers/mlflow/mlflow-server.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TRAIN = fileURLToPath(new URL('./train.ts', import.meta.url));

let folder: string;
let hub: ChildProcess;
let page: string;
let otlp: string;
let delivery: Awaited<ReturnType<typeof run>>;

function run(
  args: string[],
  env: Record<string, string> = {},
  cwd: string = folder,
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { cwd, env: { ...process.env, ...env } },
      (error, out, err) => {
        resolve({ code: error ? Number(error.code ?? -1) : 0, out, err });
      },
    );
    child.stdin?.end();
  });
}

/** The first line of a child that matches. */
function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      const match = pattern.exec(line);
      if (match) resolve(match[1] as string);
    });
    child.once('close', (code) => reject(new Error(`ended with ${code} before it printed ${pattern}`)));
  });
}

describe('the command on a hub', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-otel-cli-'));
    hub = spawn(
      process.execPath,
      [MAIN, 'hub', '--port', '0', '--otlp-port', '0', '--data-dir', join(folder, 'data')],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [pageLine, otlpLine] = await Promise.all([
      lineOf(hub, /page and API at (\S+)/),
      lineOf(hub, /OTLP at (\S+)/),
    ]);
    page = pageLine.replace(/\/$/, '');
    otlp = otlpLine;
    // A run whose receiver is down, and that is then delivered by sync.
    await new Promise<void>((resolve, reject) => {
      execFile(
        process.execPath,
        [TRAIN, join(folder, 'journal')],
        { env: { ...process.env, LLM_OTEL_SHUTDOWN_TIMEOUT: '200ms' } },
        (error) => (error ? reject(error) : resolve()),
      );
    });
    delivery = await run(['sync', '--journal', join(folder, 'journal'), '--endpoint', otlp]);
  });
  afterAll(async () => {
    hub.kill('SIGTERM');
    await new Promise((resolve) => hub.once('close', resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  it('delivers what was left behind, once', async () => {
    expect(delivery.out).toContain('cli-test/one (run-1, rank 0): delivered');
    expect(delivery.code).toBe(0);
    const again = await run(['sync', '--journal', join(folder, 'journal'), '--endpoint', otlp, '--json']);
    expect(JSON.parse(again.out)).toMatchObject({
      sent: 0,
      failed: 0,
      journals: [{ runId: 'run-1', state: 'nothing' }],
    });
    const { out } = await run(['runs', 'show', 'run-1', '--hub', page, '--json']);
    expect(JSON.parse(out) as RunDetail).toMatchObject({
      steps: 5,
      nonFinite: 2,
      status: 'finished',
      params: { lr: 0.1 },
      records: [{ missing: 0 }],
    });
  });

  it('lists runs as a table and as JSON', async () => {
    const { out } = await run(['runs', 'list', '--hub', page]);
    expect(out.split('\n')[0]).toMatch(/^id +project +name +status +last step/);
    expect(out).toMatch(/run-1 +cli-test +one +finished/);
    const json = JSON.parse((await run(['runs', 'list', '--hub', page, '--json'])).out) as RunSummary[];
    expect(json.map((each) => each.id)).toEqual(['run-1']);
    expect((await run(['runs', 'list', '--hub', page, '--project', 'other'])).out.trim()).toBe('no runs');
  });

  it('shows a run to a person', async () => {
    const { out } = await run(['runs', 'show', 'run-1', '--hub', page]);
    for (const text of ['cli-test/one', 'train/loss', 'lr', 'NaN']) expect(out).toContain(text);
  });

  it('exports every value exactly, NaN too', async () => {
    const { out } = await run(['runs', 'export', 'run-1', '--hub', page]);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; step?: number; values?: Record<string, unknown> });
    expect(lines[0]).toMatchObject({ type: 'run', id: 'run-1', params: { lr: 0.1 } });
    expect(lines.at(-1)).toMatchObject({ type: 'end', status: 'finished' });
    const steps = lines.filter((line) => line.type === 'step');
    expect(steps.map((line) => line.values?.['train/loss'])).toEqual([
      0.1 + 0.2,
      1 / 3,
      'NaN',
      '-Infinity',
      5e-324,
    ]);
    const file = join(folder, 'run.csv');
    expect(
      (await run(['runs', 'export', 'run-1', '--hub', page, '--format', 'csv', '--out', file])).code,
    ).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('0.30000000000000004');
  });

  it('tells a healthy installation from a broken one, and what to do', async () => {
    const good = await run(['doctor', '--json', '--hub', page], { OTEL_EXPORTER_OTLP_ENDPOINT: otlp });
    const findings = JSON.parse(good.out) as { check: string; state: string }[];
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(good.code).toBe(0);
    const bad = await run(['doctor', '--hub', 'http://127.0.0.1:9'], {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    });
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/FAIL {2}endpoint http:\/\/127\.0\.0\.1:9/);
    expect(bad.out).toContain('-> start a hub');
    expect(bad.out).toMatch(/warn {2}hub http:\/\/127\.0\.0\.1:9/);
  });

  it('looks at an MLflow that answers, and has its say', async () => {
    const mlflow = await MlflowStandIn.start();
    try {
      const { out, err } = await run(['doctor', '--hub', page], {
        OTEL_EXPORTER_OTLP_ENDPOINT: otlp,
        MLFLOW_TRACKING_URI: mlflow.url,
      });
      expect(out).toContain(mlflow.url);
      expect(err).not.toContain('unsettled');
    } finally {
      await mlflow.server.close();
    }
  });

  it('exports no rank that a run does not have', async () => {
    const file = join(folder, 'rank-3.csv');
    const { err, code } = await run(['runs', 'export', 'run-1', '--rank', '3', '--hub', page, '--out', file]);
    expect(err).toMatch(/run-1 has no rank 3; it has 0/);
    expect(code).toBe(1);
    expect(existsSync(file)).toBe(false);
  });

  it('finds a second copy of the API deep in the tree of packages', async () => {
    const project = join(folder, 'project');
    const copy = join(project, 'node_modules', 'some-library', 'node_modules', '@opentelemetry', 'api');
    mkdirSync(copy, { recursive: true });
    writeFileSync(join(copy, 'package.json'), '{"name": "@opentelemetry/api", "version": "1.10.0"}');
    const { out, code } = await run(
      ['doctor', '--hub', page],
      { OTEL_EXPORTER_OTLP_ENDPOINT: otlp },
      project,
    );
    expect(out).toMatch(/FAIL {2}@opentelemetry\/api: \d+ copies .*1\.10\.0 in .*some-library/);
    expect(code).toBe(1);
  });

  it.each([
    [['runs', 'show', 'nothing-there', '--hub', 'HUB'], 1, 'nothing-there'],
    [['runs', 'export', 'run-1', '--hub', 'HUB', '--format', 'xml'], 2, '--format takes json, csv, sqlite'],
    [['runs', 'list', '--hub', 'HUB', '--limit', 'many'], 2, '--limit takes a number'],
    [['runs', 'list', '--hub', 'http://127.0.0.1:9'], 1, 'no hub answers at http://127.0.0.1:9'],
    [['runs', 'list', '--hub', 'nonsense'], 2, 'is no http'],
    [['hub', '--port', 'abc'], 2, '--port takes a port'],
    [['hub', '--port', 'PORT', '--data-dir', 'elsewhere'], 1, 'is in use by another program'],
    [['hub', '--port', '0', '--no-otlp-port', '--token', 'short'], 1, 'The token has 5 characters'],
    [['import', '--endpoint', '127.0.0.1:4318', 'file.jsonl'], 2, 'an address that starts with http://'],
    [['run', '--endpoint', 'nonsense', '--', 'node'], 2, 'an address that starts with http://'],
    [['sync', '--endpoint', 'nonsense'], 2, 'an address that starts with http://'],
    [['sync', '--journal', 'no/such/folder'], 2, 'there is no such folder'],
    [['sync', '--run', 'no-such-run'], 1, 'no journal of run "no-such-run"'],
    [['frobnicate'], 2, 'unknown command'],
    [['runs', 'list', '--frobnicate'], 2, 'unknown option'],
    [['run', '--', 'no-such-program-here'], 1, 'there is no program'],
  ])('says what is wrong with %j', async (args, code, message) => {
    const result = await run(args.map((arg) => ({ HUB: page, PORT: new URL(page).port })[arg] ?? arg));
    expect(result.err).toContain(message);
    expect(result.code).toBe(code);
    expect(result.err).not.toMatch(/\n {4}at /);
  });

  it('ends quietly when nobody reads what it prints any more', async () => {
    const child = spawn(process.execPath, [MAIN, 'runs', 'export', 'run-1', '--hub', page], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += text.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, said }).toEqual({ code: 0, said: '' });
  });

  it('says what is wrong with a variable before it uses the default', async () => {
    const { err } = await run(['sync'], {
      LLM_OTEL_JOURNAL_DIR: join(folder, 'none'),
      OTEL_EXPORTER_OTLP_ENDPOINT: '127.0.0.1:4318',
    });
    expect(err).toContain('OTEL_EXPORTER_OTLP_ENDPOINT is not a URL');
  });

  it('ends as the program that it runs does', async () => {
    expect((await run(['run', '--', 'node', '-e', 'process.exit(7)'])).code).toBe(7);
    const { out } = await run([
      'run',
      '--endpoint',
      'http://127.0.0.1:9',
      '--',
      'sh',
      '-c',
      'echo $OTEL_EXPORTER_OTLP_ENDPOINT; kill -TERM $$',
    ]);
    expect(out.trim()).toBe('http://127.0.0.1:9');
  });
});
