import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InstrumentRegistry } from '../../../src/telemetry/index.ts';
import {
  type CreateTrackerOptions,
  createMetricsLogger,
  createTracker,
  readJournal,
} from '../../../src/training/index.ts';
import { rankFolder } from '../../../src/training/journal/folder.ts';
import { readFolder } from '../../trackers/local/read-folder.ts';
import { temporaryFolder } from '../temporary.ts';

/** Options of a tracker that stays in a folder, whatever the environment of the tests is. */
function quiet(options: Partial<CreateTrackerOptions> = {}): CreateTrackerOptions & {
  journalDir: string;
  told: string[];
} {
  const told: string[] = [];
  const given: CreateTrackerOptions & { journalDir: string } = {
    platform: 'none',
    project: 'test',
    id: 'r1',
    name: 'first',
    journalDir: temporaryFolder(),
    exporter: false,
    instruments: new InstrumentRegistry(),
    env: { OTEL_SDK_DISABLED: 'true' },
    onError: (error) => told.push(error.message),
    ...options,
  };
  // beside the options: of those it is none
  return Object.defineProperty(given, 'told', { value: told }) as typeof given & { told: string[] };
}

interface Recorded {
  event: string;
  step: unknown;
  body: Record<string, unknown>;
  attributes: Record<string, unknown>;
}
async function recorded(journalDir: string, id = 'r1'): Promise<Recorded[]> {
  const records: Recorded[] = [];
  for await (const { record } of readJournal(rankFolder(journalDir, id, 0)))
    records.push({
      event: record.event,
      step: record.attributes['llm.training.step'],
      body: record.body as Record<string, unknown>,
      attributes: record.attributes,
    });
  return records;
}
const steps = (records: readonly Recorded[]) => records.filter(({ event }) => event === 'llm.training.step');

describe('a tracker', () => {
  it('says which options it does not know, and which are meant', async () => {
    const options = quiet({ locl: {} } as object);
    await createTracker(options).finish();
    expect(options.told).toEqual(['createTracker has no option "locl"; it does nothing. Is "local" meant?']);
  });

  it('takes what programs that come from a tracker call', async () => {
    const options = quiet();
    const path = join(options.journalDir, '..', 'nothing-here');
    const tracker = createTracker(options);
    const run = await tracker.startRun({ params: { seed: 1 } });
    expect(tracker.run).toBe(run);
    tracker.logHyperparameters({ lr: 0.1 });
    tracker.logParams({ batch: 8 });
    tracker.logMetrics({ 'train/loss': 0.5 }, 10);
    tracker.logMetrics({ 'val/loss': 0.6, 'val/accuracy': 0.9 }, 10);
    tracker.logMetrics({ 'train/loss': 0.4 });
    expect(await tracker.logModel(join(options.journalDir, 'r1', 'absent'), 'model')).toBe(false);
    expect(await tracker.logModel(rankFolder(options.journalDir, 'r1', 0), 'model', { format: 'x' })).toBe(
      true,
    );
    await tracker.finish('failed', { best: 0.4 });
    expect(existsSync(path)).toBe(false);

    const records = await recorded(options.journalDir);
    expect(records[0]?.body).toEqual({ seed: 1 });
    expect(records.filter(({ event }) => event === 'llm.run.params').map(({ body }) => body)).toEqual([
      { lr: 0.1 },
      { batch: 8 },
    ]);
    const [first, validation, second] = steps(records);
    expect([first?.step, first?.body]).toMatchObject([10, { 'train/loss': 0.5 }]);
    // beside the step: it has no step time, and the step does not move
    expect([validation?.step, validation?.body]).toMatchObject([
      10,
      { 'val/loss': 0.6, 'val/accuracy': 0.9 },
    ]);
    expect(validation?.body).not.toHaveProperty('train/step_time');
    expect([second?.step, second?.body]).toMatchObject([11, { 'train/loss': 0.4 }]);
    const model = records.find(({ event }) => event === 'llm.run.artifact');
    expect(model?.attributes).toMatchObject({ 'llm.artifact.name': 'model', 'llm.artifact.kind': 'model' });
    expect(model?.body).toMatchObject({ format: 'x' });
    expect(records.at(-1)).toMatchObject({ event: 'llm.run.end', body: { best: 0.4 } });
    expect(records.at(-1)?.attributes).toMatchObject({ 'llm.run.status': 'failed' });
  });

  it('starts its run with the first thing that is logged, and loses nothing meanwhile', async () => {
    const options = quiet();
    const tracker = createTracker(options);
    const values = { 'train/loss': 1 };
    for (let step = 0; step < 100; step++) {
      values['train/loss'] = step;
      tracker.logMetrics(values, step);
    }
    await tracker.finish();
    expect(
      steps(await recorded(options.journalDir)).map(({ step, body }) => [step, body['train/loss']]),
    ).toEqual(Array.from({ length: 100 }, (_, step) => [step, step]));
  });

  it('finishes a run before it starts the next, each with what was logged to it', async () => {
    const options = quiet();
    const tracker = createTracker(options);
    tracker.logMetrics({ a: 1 });
    const second = tracker.startRun({ id: 'r2' });
    tracker.logMetrics({ b: 2 });
    expect((await second).id).toBe('r2');
    await tracker.finish();
    const keys = async (id: string) =>
      steps(await recorded(options.journalDir, id)).flatMap(({ body }) =>
        Object.keys(body).filter((key) => !key.includes('/')),
      );
    expect([await keys('r1'), await keys('r2')]).toEqual([['a'], ['b']]);
    expect(options.told).toEqual([]);
  });

  it('says once that something came after the end', async () => {
    const options = quiet();
    const tracker = createTracker(options);
    await tracker.startRun();
    await tracker.finish();
    tracker.logMetrics({ late: 1 });
    tracker.logParams({ late: 1 });
    expect(await tracker.logModel('x')).toBe(false);
    expect(options.told).toEqual([expect.stringContaining('after finish()')]);
    expect(tracker.run).toBeUndefined();
  });

  it('tells, and stops nothing, when its run cannot be started', async () => {
    const options = quiet({ project: '' });
    const tracker = createTracker(options);
    tracker.logMetrics({ a: 1 });
    await expect(tracker.startRun()).rejects.toThrow(/project is missing/);
    await tracker.finish();
    expect(options.told).toEqual([expect.stringContaining('could not be started')]);
  });

  it('knows its platforms, and their options by section', async () => {
    expect(() => createTracker(quiet({ platform: 'tensorbord' as never }))).toThrow(
      /no tracker "tensorbord"/,
    );
    expect(() => createTracker(quiet({ platform: 'multi' }))).toThrow(/platforms must list some/);
    const logDir = temporaryFolder();
    const options = quiet({
      platform: 'multi',
      platforms: ['local'],
      local: { logDir },
      configExcludeKeys: ['key'],
    });
    const tracker = createTracker(options);
    await tracker.startRun({ params: { lr: 1, key: 'secret' } });
    tracker.logMetrics({ 'train/loss': 1 }, 3);
    await tracker.finish();
    const folder = join(logDir, 'test', 'first-r1');
    expect(readFolder(folder, 'json')).toEqual({ steps: [3], params: [], ends: 1 });
    expect(readFileSync(join(folder, 'run.json'), 'utf8')).not.toContain('secret');
  });
});

describe('a metrics logger', () => {
  it('sends every n-th step to a tracker, and all of them to journal and file', async () => {
    const logDir = temporaryFolder();
    const metricsFile = join(logDir, 'new', 'metrics.jsonl');
    const options = quiet({ platform: 'local', local: { logDir }, logInterval: 10 });
    const logger = createMetricsLogger({ ...options, saveInterval: 7, metricsFile });
    await logger.tracker.startRun();
    for (let step = 0; step < 25; step++)
      logger.log({ 'train/loss': step === 3 ? Number.NaN : step, skip: null }, step);
    logger.log({ 'val/loss': 1 }, 23);
    await logger.finish();
    expect(steps(await recorded(options.journalDir))).toHaveLength(26);
    expect(readFolder(join(logDir, 'test', 'first-r1'), 'json').steps).toEqual([0, 10, 20, 23]);
    const lines = readFileSync(metricsFile, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toHaveLength(26);
    expect(lines[3]).toEqual({ step: 3, time: expect.any(Number), 'train/loss': 'NaN' });
    expect(lines[25]).toMatchObject({ step: 23, 'val/loss': 1 });
  });

  it('writes its file every saveInterval calls', async () => {
    const folder = temporaryFolder();
    const metricsFile = join(folder, 'metrics.jsonl');
    const tracker = createTracker(quiet());
    const logger = createMetricsLogger({ tracker, saveInterval: 3, metricsFile });
    logger.log({ a: 1 });
    logger.log({ a: 2 });
    expect(existsSync(metricsFile)).toBe(false);
    logger.log({ a: 3 });
    // behind the one that the third call began
    await logger.save();
    expect(readFileSync(metricsFile, 'utf8').split('\n')).toHaveLength(4);
    await logger.finish();
  });

  it('tells apart intervals that cannot be', () => {
    expect(() => createMetricsLogger({ ...quiet(), saveInterval: 0 })).toThrow(/saveInterval.*got 0/);
    expect(() => createMetricsLogger(quiet({ logInterval: 0.5 }))).not.toThrow();
  });
});
