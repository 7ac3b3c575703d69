import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ATTR } from '../../../src/conventions/index.ts';
import { SinkRefused, SinkUnavailable, type TrackerOptions } from '../../../src/trackers/index.ts';
import { startRun, syncJournals } from '../../../src/training/index.ts';
import { rankFolder } from '../../../src/training/journal/folder.ts';
import { MemoryReceiver } from '../../training/receiver.ts';
import { startTestRun } from '../../training/starting.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { MlflowStandIn } from '../mlflow/mlflow-server.ts';
import { RecordingSink } from './recording-sink.ts';

const NO_WAIT = { firstMs: 0, maxMs: 0, random: () => 0 };
const standIns: MlflowStandIn[] = [];
afterEach(async () => {
  await Promise.all(standIns.splice(0).map(({ server }) => server.close()));
});
async function mlflow(): Promise<MlflowStandIn> {
  const standIn = await MlflowStandIn.start();
  standIns.push(standIn);
  return standIn;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('a run with trackers of its own', () => {
  it('reaches them from memory where no journal can be written', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, 'no folder');
    const sink = new RecordingSink();
    const told: string[] = [];
    const { run } = await startTestRun({
      journalDir: join(file, 'journal'),
      exporter: false,
      params: { lr: 1 },
      trackers: [{ sink: () => sink }],
      onError: ({ message }) => told.push(message),
    });
    run.step({ 'train/loss': 1 });
    await run.flush();
    for (let step = 1; step < 100; step++) run.step({ 'train/loss': step });
    await run.finish();
    expect(sink.opened[0]?.run).toMatchObject({ id: run.id, params: { lr: 1 } });
    expect(sink.steps).toEqual(range(100));
    expect(sink.closed).toHaveLength(1);
    expect(told.filter((message) => message.includes('cannot be written'))).toHaveLength(1);
    expect(told.filter((message) => message.includes('could not be kept'))).toHaveLength(1);
  });

  it('needs neither hub nor receiver: the tracker has everything when finish() resolves', async () => {
    const sink = new RecordingSink();
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      params: { lr: 1 },
      tags: ['a'],
      trackers: [{ sink: () => sink }],
    });
    for (let step = 0; step < 5000; step++) run.step({ 'train/loss': step % 7 === 0 ? Number.NaN : step });
    run.params({ more: 2 });
    run.note('half way');
    await run.finish('finished', { best: 3 });
    expect(sink.opened[0]?.run).toMatchObject({ id: run.id, params: { lr: 1 }, tags: { a: true } });
    expect(sink.steps).toEqual(range(5000));
    const values = sink.records.flatMap((record) =>
      record.kind === 'step' ? [record.values['train/loss']] : [],
    );
    expect(values.filter(Number.isNaN)).toHaveLength(Math.ceil(5000 / 7));
    expect(sink.records).toContainEqual(expect.objectContaining({ kind: 'params', params: { more: 2 } }));
    expect(sink.records).toContainEqual(expect.objectContaining({ kind: 'note', text: 'half way' }));
    expect(sink.closed).toEqual([{ status: 'finished', summary: { best: 3 } }]);
    expect(run.stats().trackers).toMatchObject([{ status: 'current', lag: 0 }]);
  });

  it('tells the hub by its records which trackers it feeds itself', async () => {
    const standIn = await mlflow();
    const { run, receiver } = await startTestRun({
      journalDir: temporaryFolder(),
      trackers: [{ platform: 'mlflow', trackingUri: standIn.url }],
    });
    run.step({ a: 1 });
    await run.finish();
    for (const { resource } of receiver.records) expect(resource[ATTR.runForwarded]).toBe('mlflow');
  });

  it('with five of them, one hanging and one refusing: the healthy ones are whole, the sick ones catch up', async () => {
    const healthy = [new RecordingSink('a'), new RecordingSink('b'), new RecordingSink('c')];
    const hanging = new RecordingSink('hanging');
    const refusing = new RecordingSink('refusing');
    let release: (() => void) | undefined;
    const hangs = new Promise<void>((resolve) => (release = resolve));
    hanging.before = () => hangs;
    let refuses = true;
    refusing.before = (call) => {
      if (refuses && call !== 'open') throw new SinkRefused('not today');
    };
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      finishTimeout: 300,
      memoryRecords: 500,
      sinkBackOff: NO_WAIT,
      trackers: [...healthy, hanging, refusing].map((sink): TrackerOptions => ({ sink: () => sink })),
    });
    for (let step = 0; step < 3000; step++) run.step({ 'train/loss': step });
    // a flush ends after 300 ms, whatever the hanging one does
    const whole = (sinks: readonly RecordingSink[]): boolean =>
      sinks.every(({ steps }) => steps.length === 3000);
    do await run.flush();
    while (!whole(healthy));
    for (const sink of healthy) expect(sink.steps).toEqual(range(3000));
    expect(hanging.steps).toEqual([]);
    expect(refusing.steps).toEqual([]);
    expect(run.stats().trackers.map(({ refused }) => refused)).toEqual([0, 0, 0, 0, 0]);
    release?.();
    refuses = false;
    do await run.flush();
    while (!whole([hanging, refusing]));
    await run.finish();
    do await run.flush();
    while (run.stats().trackers.some(({ status }) => status !== 'current'));
    for (const sink of [hanging, refusing]) expect(sink.steps).toEqual(range(3000));
    expect(run.stats().trackers.map(({ status }) => status)).toEqual(Array(5).fill('current'));
  });

  it('of a further rank feeds none, unless all ranks are asked for', async () => {
    const first = new RecordingSink('first');
    const all = new RecordingSink('all');
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      rank: 1,
      worldSize: 2,
      trackers: [{ sink: () => first }, { sink: () => all, ranks: 'all' }],
    });
    run.step({ a: 1 });
    await run.finish();
    expect(first.opened).toEqual([]);
    expect(all.steps).toEqual([0]);
  });

  it('that goes on after its end goes on in its trackers, from where they were', async () => {
    const journalDir = temporaryFolder();
    const sinks: RecordingSink[] = [];
    const trackers: TrackerOptions[] = [
      {
        sink: () => {
          const sink = new RecordingSink();
          sinks.push(sink);
          return sink;
        },
      },
    ];
    const first = await startTestRun({ journalDir, exporter: false, trackers });
    first.run.step({ a: 1 });
    await first.run.finish('killed');
    const second = await startTestRun({ journalDir, exporter: false, trackers, resume: first.run.id });
    second.run.step({ a: 2 });
    await second.run.finish();
    expect(sinks[1]?.opened[0]).toMatchObject({ run: { id: first.run.id, attempt: 2 }, state: { taken: 1 } });
    expect(sinks.map(({ steps }) => steps)).toEqual([[0], [1]]);
  });

  it('does not use a number again that a tracker has, though a power cut took its record from the disk', async () => {
    const journalDir = temporaryFolder();
    const sinks: RecordingSink[] = [];
    const trackers: TrackerOptions[] = [
      { sink: () => sinks[sinks.push(new RecordingSink()) - 1] as RecordingSink },
    ];
    const { run: first } = await startTestRun({ journalDir, exporter: false, trackers });
    first.step({ a: 1 });
    await first.finish('killed');
    const file = join(rankFolder(journalDir, first.id, 0), 'sinks.json');
    const kept = readFileSync(file, 'utf8');
    writeFileSync(file, kept.replace('"seq":2', '"seq":7'));
    const { run: second } = await startTestRun({ journalDir, exporter: false, trackers, resume: first.id });
    second.step({ a: 2 });
    await second.finish();
    expect(sinks[1]?.records).toMatchObject([{ kind: 'step', seq: 9, values: { a: 2 } }]);
  });

  it('is not stopped by options that make no sense for one: told, and left out', async () => {
    const sink = new RecordingSink();
    const { run, troubles } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      trackers: [{ platform: 'mlflow', trackingUri: './mlruns' }, { sink: () => sink }],
    });
    run.step({ a: 1 });
    await run.finish();
    expect(troubles.join('\n')).toMatch(/mlflow is left out.*tracking_uri/);
    expect(sink.steps).toEqual([0]);
  });

  it.each([
    [[{ platform: 'neptune' }], /no tracker "neptune".*mlflow/],
    [[{ platform: 'mlflow', onSinkError: 'explode' }], /onSinkError must be one of spool, warn, throw/],
    [[{ platform: 'mlflow', logInterval: 0 }], /logInterval must be a whole number/],
  ])('does not start with %j', async (trackers, message) => {
    const options = { project: 'test', journalDir: temporaryFolder(), trackers: trackers as never };
    await expect(startRun(options)).rejects.toThrow(message);
  });
});

describe('onSinkError: throw', () => {
  const down = (): RecordingSink => {
    const sink = new RecordingSink('down');
    sink.before = () => {
      throw new SinkUnavailable('nobody there');
    };
    return sink;
  };

  it('makes startRun reject when the tracker cannot be opened, and lets the journal go', async () => {
    const journalDir = temporaryFolder();
    const sink = down();
    await expect(
      startTestRun({
        journalDir,
        id: 'r',
        exporter: false,
        sinkBackOff: NO_WAIT,
        trackers: [{ sink: () => sink, onSinkError: 'throw' }],
      }),
    ).rejects.toThrow(/down: nobody there.*llm-otel sync/);
    const { run } = await startTestRun({ journalDir, id: 'r', exporter: false });
    expect(run.id).toBe('r');
    await run.finish();
  });

  it('makes finish() reject when it has not taken everything', async () => {
    const sink = new RecordingSink('half');
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      sinkBackOff: NO_WAIT,
      trackers: [{ sink: () => sink, onSinkError: 'throw' }],
    });
    sink.before = (call) => {
      if (call === 'write') throw new SinkUnavailable('went away');
    };
    run.step({ a: 1 });
    await expect(run.finish()).rejects.toThrow(/half: went away/);
  });

  it('is the only one that does: a tracker that spools leaves finish() in peace', async () => {
    const sink = down();
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      sinkBackOff: NO_WAIT,
      trackers: [{ sink: () => sink }],
    });
    run.step({ a: 1 });
    await run.finish();
    expect(run.stats().trackers).toMatchObject([{ status: 'unavailable', lag: 3 }]);
  });
});

describe('onSinkError: warn', () => {
  it('gives a tracker up that fails for good, tells it once, and costs the others nothing', async () => {
    const journalDir = temporaryFolder();
    const standIn = await mlflow();
    let asked = 0;
    standIn.disturb = () => {
      asked++;
      return { status: 503, text: 'down' };
    };
    const well = new RecordingSink('well');
    const { run, troubles } = await startTestRun({
      journalDir,
      exporter: false,
      sinkBackOff: NO_WAIT,
      trackers: [
        { platform: 'mlflow', trackingUri: standIn.url, experimentName: 'x', onSinkError: 'warn' },
        { sink: () => well },
      ],
    });
    run.step({ 'train/loss': 1 });
    await expect.poll(() => run.stats().trackers[0]?.status).toBe('given_up');
    const attempts = asked;
    for (let step = 1; step < 100; step++) run.step({ 'train/loss': step });
    await run.finish();
    expect(asked).toBe(attempts);
    expect(well.steps).toEqual(range(100));
    expect(
      troubles.filter((text) => /given up for this process; `llm-otel sync` sends the rest/.test(text)),
    ).toHaveLength(1);
    // and so it does
    standIn.disturb = () => undefined;
    const report = await syncJournals({ journalDir, exporter: new MemoryReceiver(), env: {} });
    expect(report.journals[0]?.trackers).toMatchObject([{ status: 'current', lag: 0 }]);
    expect(standIn.steps('train/loss')).toEqual(range(100));
  });
});

describe('a tracker whose page asks for a stop', () => {
  it('is heard by the program, which decides; its own mistakes in there are told and cost nothing', async () => {
    const sink = new RecordingSink('wandb');
    const told: unknown[] = [];
    const { run, troubles } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      trackers: [{ sink: () => sink }],
      onStopRequested: (...request) => {
        told.push(request);
        throw new Error('a bug of the program');
      },
    });
    run.step({ a: 1 });
    await run.flush();
    expect(run.stopRequested).toBe(false);
    sink.before = (call) => {
      if (call === 'write') sink.context?.requestStop('the Stop button');
    };
    run.step({ a: 2 });
    await run.flush();
    expect(run.stopRequested).toBe(true);
    expect(told).toEqual([['the Stop button', 'wandb']]);
    expect(troubles).toEqual([expect.stringContaining('a bug of the program')]);
    sink.before = () => {};
    run.step({ a: 3 });
    await run.finish();
    expect(sink.steps).toEqual([0, 1, 2]);
  });
});

describe('a run in several experiments', () => {
  it('is whole in each, with parameters of its own choice left out', async () => {
    const standIn = await mlflow();
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      params: { lr: 1, api_key: 'hush' },
      trackers: [
        { platform: 'mlflow', trackingUri: standIn.url, experimentName: 'all' },
        {
          platform: 'mlflow',
          trackingUri: standIn.url,
          experimentName: 'some',
          configExcludeKeys: ['api_key'],
        },
        // the same place twice is one
        { platform: 'mlflow', trackingUri: standIn.url, experimentName: 'some' },
      ],
    });
    run.step({ 'train/loss': 1 });
    await run.finish();
    expect(standIn.experiments.toSorted()).toEqual(['all', 'some']);
    const runs = standIn.runs.toSorted((a, b) => b.params.size - a.params.size);
    expect(runs.map(({ params, status }) => [Object.fromEntries(params), status])).toEqual([
      [{ lr: '1', api_key: 'hush' }, 'FINISHED'],
      [{ lr: '1' }, 'FINISHED'],
    ]);
    expect(run.stats().trackers.map(({ target }) => target)).toEqual([
      `${standIn.url} all`,
      `${standIn.url} some`,
    ]);
  });
});

describe('llm-otel sync', () => {
  it('knows a tracker that was never reached, and keeps no secret to know it', async () => {
    const journalDir = temporaryFolder();
    const standIn = await mlflow();
    standIn.disturb = () => ({ status: 503, text: 'down' });
    const { run } = await startTestRun({
      journalDir,
      exporter: false,
      sinkBackOff: NO_WAIT,
      trackers: [{ platform: 'mlflow', trackingUri: standIn.url, token: 'hush-hush', experimentName: 'x' }],
    });
    run.step({ 'train/loss': 1 });
    await run.finish();
    const left = rankFolder(journalDir, run.id, 0);
    expect(readFileSync(join(left, 'sinks.json'), 'utf8')).not.toContain('hush');
    // as its process leaves it behind: this one still holds it and tries
    const found = temporaryFolder();
    cpSync(journalDir, found, { recursive: true });
    rmSync(join(rankFolder(found, run.id, 0), 'lock'));
    standIn.disturb = ({ headers }) =>
      headers.authorization === 'Bearer hush-hush' ? undefined : { status: 401, text: 'who are you' };
    const report = await syncJournals({
      journalDir: found,
      exporter: new MemoryReceiver(),
      env: { MLFLOW_TRACKING_TOKEN: 'hush-hush' },
    });
    expect(report.journals[0]?.trackers).toMatchObject([{ status: 'current', lag: 0 }]);
    expect(standIn.steps('train/loss')).toEqual([0]);
  });
});
