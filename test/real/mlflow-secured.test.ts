/** Runs in a real MLflow server with TLS, users and workspaces. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkMlflow, type MlflowOptions } from '../../src/trackers/index.ts';
import { certificate } from '../trackers/mlflow/certificate.ts';
import { startTestRun } from '../training/starting.ts';
import { MlflowServer } from './mlflow/server.ts';
import { realPythonOrSkip } from './python-environment.ts';

const python = realPythonOrSkip('MLflow');
const PASSWORD = 'of-this-test-only';

describe.skipIf(python === undefined)('MLflow with TLS, users and workspaces', () => {
  let dir: string;
  let server: MlflowServer;
  let options: MlflowOptions;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'llm-otel-mlflow-'));
    mkdirSync(join(dir, 'server'));
    const files = certificate(dir);
    if (!files) throw new Error('openssl is needed to make a certificate');
    server = await MlflowServer.start(python as string, join(dir, 'server'), {
      ...files,
      password: PASSWORD,
    });
    await server.post('../../3.0/mlflow/workspaces', { name: 'team-a' });
    server.workspace = 'team-a';
    options = {
      trackingUri: server.url,
      serverCertPath: files.cert,
      username: 'admin',
      password: PASSWORD,
      workspace: 'team-a',
    };
  });
  afterAll(async () => {
    await server?.kill();
    rmSync(dir, { recursive: true, force: true });
  });

  const failureOf = async (changed: MlflowOptions): Promise<string> =>
    (await checkMlflow({ ...options, ...changed }, {}))
      .filter(({ state }) => state === 'fail')
      .map(({ message }) => message)
      .join();

  it('has a run with its artifact in its workspace, and only there', async () => {
    const { run } = await startTestRun({
      journalDir: dir,
      exporter: false,
      params: { lr: 0.1 },
      trackers: [{ platform: 'mlflow', experimentName: 'secured', ...options }],
      finishTimeout: 60_000,
    });
    run.step({ 'train/loss': 0.5 });
    const file = join(dir, 'weights.bin');
    writeFileSync(file, 'weights');
    await run.artifact(file);
    await run.finish();
    expect(run.stats().trackers).toMatchObject([{ status: 'current', lag: 0, refused: 0 }]);

    const { runs = [] } = (await server.post('runs/search', {
      experiment_ids: [await experimentOf('secured')],
    })) as { runs?: { info: { run_id: string } }[] };
    expect(runs).toHaveLength(1);
    const id = runs[0]?.info.run_id ?? '';
    const { info, data } = await server.run(id);
    expect(info.status).toBe('FINISHED');
    expect(data.params).toContainEqual({ key: 'lr', value: '0.1' });
    expect((await server.history(id, 'train/loss')).map(({ value }) => value)).toEqual([0.5]);
    const { files = [] } = (await server.get('artifacts/list', { run_id: id })) as {
      files?: { path: string }[];
    };
    expect(files.map(({ path }) => path)).toEqual(['weights.bin']);

    server.workspace = undefined;
    await expect(experimentOf('secured')).rejects.toThrow(/404/);
    server.workspace = 'team-a';
  });

  it('is told apart: whose certificate, whose password, which workspace', async () => {
    expect(await failureOf({})).toBe('');
    expect(await failureOf({ insecureTls: true })).toBe('');
    const { serverCertPath: _, ...unknown } = options;
    expect((await checkMlflow(unknown, {})).map(({ message }) => message).join()).toMatch(/certificate/);
    const refused = await failureOf({ password: 'guessed-by-somebody' });
    expect(refused).toMatch(/MLFLOW_TRACKING_USERNAME/);
    expect(refused).not.toMatch(/guessed|of-this-test/);
    expect(await failureOf({ workspace: 'team-b' })).toMatch(/team-b/);
  });

  async function experimentOf(name: string): Promise<string> {
    const found = (await server.get('experiments/get-by-name', { experiment_name: name })) as {
      experiment: { experiment_id: string };
    };
    return found.experiment.experiment_id;
  }
});
