import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forwardRun, without } from '../../src/cli/forward-run.ts';
import { HubClient } from '../../src/cli/hub-client.ts';
import type { RunTracker } from '../../src/conventions/index.ts';
import { type Hub, startHub } from '../../src/hub/index.ts';
import { readTrackers, SinkUnavailable, type SinkRecord } from '../../src/trackers/index.ts';
import { type Run, startRun } from '../../src/training/index.ts';
import { RecordingSink } from '../trackers/forwarder/recording-sink.ts';
import { MlflowStandIn } from '../trackers/mlflow/mlflow-server.ts';
import { temporaryFolder } from '../training/temporary.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let hub: Hub;
beforeEach(async () => {
  hub = await startHub({ port: 0, otlpPort: false, dataDir: temporaryFolder() });
});
afterEach(() => hub.stop());

/** A run as a program records it, which reaches the hub; ended unless told otherwise. */
async function recorded(id: string, end = true): Promise<Run> {
  const run = await startRun({
    project: 'p',
    id,
    name: 'first',
    journalDir: temporaryFolder(),
    endpoint: hub.otlpUrl,
    env: { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' },
    gauges: false,
    params: { lr: 0.1 },
    tags: ['a'],
  });
  for (let step = 0; step < 700; step++) run.step({ 'train/loss': step === 5 ? Number.NaN : 1 / (step + 1) });
  run.histogram('gradients/a', [1, 2, 3]);
  run.note('half way');
  const artifact = join(temporaryFolder(), 'model.bin');
  writeFileSync(artifact, 'weights');
  await run.artifact(artifact, { kind: 'model' });
  if (end) await run.finish('failed', { best: 0.5 });
  else await run.flush();
  // with the two notes that tell of the NaN
  expect(run.stats()).toMatchObject({ pending: 0, recorded: end ? 707 : 706 });
  return run;
}
const client = (): HubClient => new HubClient(hub.url, undefined);

const trackerOf = (sink: RecordingSink) => readTrackers([{ sink: () => sink }], { env: {}, warn: () => {} });

describe('a run that a hub had before its trackers', () => {
  it('is sent to one whole: facts, steps, histograms, notes, files, end', async () => {
    await recorded('r1');
    const sink = new RecordingSink();
    const dir = temporaryFolder();
    const run = await client().run('r1');
    const send = (to: RecordingSink) =>
      forwardRun({ hub: client(), run, rank: 0, trackers: trackerOf(to), dir, onTrouble: () => {} });
    expect(await send(sink)).toMatchObject([{ status: 'current', lag: 0 }]);
    expect(sink.opened[0]?.run).toMatchObject({
      id: 'r1',
      name: 'first',
      params: { lr: 0.1 },
      tags: { a: true },
    });
    expect(sink.steps).toEqual(Array.from({ length: 700 }, (_, step) => step));
    const of = (kind: SinkRecord['kind']) => sink.records.filter((record) => record.kind === kind);
    expect(of('step')[5]).toMatchObject({ values: { 'train/loss': Number.NaN } });
    expect(of('histogram')).toMatchObject([{ name: 'gradients/a', step: 699, histogram: { sum: 6 } }]);
    // the run's own note of the NaN, and of its end
    expect(of('note')).toContainEqual(expect.objectContaining({ text: 'half way' }));
    expect(sink.artifacts).toMatchObject([{ name: 'model.bin', kind: 'model' }]);
    expect(sink.closed).toEqual([{ status: 'failed', summary: { best: 0.5 } }]);
    // what is complete needs no disk, is not sent again, and may go to another
    expect(existsSync(join(dir, 'spool'))).toBe(false);
    const again = new RecordingSink();
    expect(await send(again)).toMatchObject([{ status: 'current', lag: 0, sent: 0 }]);
    expect(again.opened).toEqual([]);
    const other = new RecordingSink('other');
    await send(other);
    expect(other.steps).toHaveLength(700);
  });

  it('goes on with a tracker that went away, where it was', async () => {
    await recorded('r1');
    const dir = temporaryFolder();
    const run = await client().run('r1');
    const send = (to: RecordingSink, hubOf: Pick<HubClient, 'series' | 'histograms'> = client()) =>
      forwardRun({
        hub: hubOf,
        run,
        rank: 0,
        trackers: trackerOf(to),
        dir,
        onTrouble: () => {},
        patience: 0,
      });
    const first = new RecordingSink('recording', { maxRecords: 100 });
    first.before = () => {
      if (first.batches.length === 3) throw new SinkUnavailable('went away');
    };
    expect(await send(first)).toMatchObject([{ status: 'unavailable', lastError: 'went away' }]);
    const second = new RecordingSink();
    // the hub need not be asked again
    expect(await send(second, {} as never)).toMatchObject([{ status: 'current', lag: 0 }]);
    expect([...first.steps, ...second.steps]).toEqual(Array.from({ length: 700 }, (_, step) => step));
    expect(second.opened[0]?.state).toEqual({ taken: 299 });
  });

  it('that went on since is not mixed up', async () => {
    await recorded('r1');
    const dir = temporaryFolder();
    const run = await client().run('r1');
    const options = {
      hub: client(),
      rank: 0,
      trackers: trackerOf(new RecordingSink()),
      dir,
      onTrouble: () => {},
    };
    await forwardRun({ ...options, run });
    const later = forwardRun({ ...options, run: { ...run, updatedAt: run.updatedAt + 1 } });
    await expect(later).rejects.toThrow(/went on since.*remove/);
  });

  it('needs only trackers that do not have it', () => {
    const options = (['mlflow', 'wandb', 'local'] as const).map((platform) => ({ platform }));
    const trackers = readTrackers(options, { env: {}, warn: () => {} });
    const known = [
      { sink: 'mlflow', rank: 0, status: 'in_process' },
      { sink: 'wandb-offline', rank: 0, status: 'in_process' },
    ] satisfies RunTracker[];
    expect(without(trackers, known).map(({ name }) => name)).toEqual(['local']);
  });
});

describe('llm-otel runs forward', () => {
  function command(folder: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const env = { PATH: process.env['PATH'], HOME: folder };
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [MAIN, 'runs', 'forward', '--hub', hub.url, ...args],
        { cwd: folder, env },
        (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }),
      );
    });
  }

  it('sends every run that has ended to the trackers of the configuration', async () => {
    await recorded('r1');
    await recorded('r2');
    const mlflow = await MlflowStandIn.start();
    try {
      const folder = temporaryFolder();
      writeFileSync(
        join(folder, 'monitoring.yaml'),
        `monitoring:\n  experiment_tracking:\n    platform: multi\n    platforms: [mlflow, local]\n    mlflow: {tracking_uri: "${mlflow.url}", experiment_name: old}\n    local: {log_dir: ./experiments}\n`,
      );
      const { code, out, err } = await command(folder, '--all');
      expect([code, err]).toEqual([0, '']);
      expect(out.match(/has it, \d+ records sent/g)).toHaveLength(4);
      expect(mlflow.runs.map(({ tags, status }) => [tags.get('llm.run.id'), status])).toEqual([
        ['r1', 'FAILED'],
        ['r2', 'FAILED'],
      ]);
      expect(mlflow.steps('train/loss')).toHaveLength(1400);
      const [one = ''] = readdirSync(join(folder, 'experiments', 'p'));
      const runJson = JSON.parse(
        readFileSync(join(folder, 'experiments', 'p', one, 'run.json'), 'utf8'),
      ) as object;
      expect(runJson).toMatchObject({ status: 'failed', steps: 700, artifacts: [{ kind: 'model' }] });
      // a second time there is nothing to do
      expect((await command(folder, 'r1')).out.match(/has it, 0 records sent/g)).toHaveLength(2);
    } finally {
      await mlflow.server.close();
    }
  });

  it('says what it needs: runs, a tracker, a run that has ended', async () => {
    const folder = temporaryFolder();
    expect(await command(folder)).toMatchObject({
      code: 2,
      err: expect.stringContaining('name runs, or give --all'),
    });
    expect(await command(folder, 'r1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('names no tracker'),
    });
    const run = await recorded('r1', false);
    writeFileSync(join(folder, 'monitoring.yaml'), 'monitoring: {experiment_tracking: {platform: local}}\n');
    expect(await command(folder, 'r1')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is still running'),
    });
    await run.finish();
  });
});
