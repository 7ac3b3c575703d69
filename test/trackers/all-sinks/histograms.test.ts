/** What each tracker makes of a histogram that a run recorded. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it } from 'vitest';
import { CometClient } from '../../../src/trackers/comet/client.ts';
import { type CometOptions, cometSettings } from '../../../src/trackers/comet/config.ts';
import { cometCounts } from '../../../src/trackers/comet/histogram.ts';
import { CometOfflineSink } from '../../../src/trackers/comet/offline-sink.ts';
import { CometOnlineSink } from '../../../src/trackers/comet/online-sink.ts';
import { histogramFigures } from '../../../src/trackers/histogram.ts';
import { EXPORT_FORMATS, type ExportFormatName, type SinkRecord } from '../../../src/trackers/index.ts';
import { MlflowSink, mlflowSettings } from '../../../src/trackers/mlflow/index.ts';
import { type WandbOptions, wandbSettings } from '../../../src/trackers/wandb/config.ts';
import { WandbOfflineSink } from '../../../src/trackers/wandb/offline/offline-sink.ts';
import { WandbOnlineSink } from '../../../src/trackers/wandb/online-sink.ts';
import { histogramOf } from '../../../src/training/values/histogram.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { CometStandIn } from '../comet/stand-in.ts';
import { readZip } from '../comet/zip-reader.ts';
import { startStandIn } from '../mlflow/stand-in.ts';
import { readParquet } from '../parquet/read-parquet.ts';
import { readEvents } from '../tensorboard/read-events.ts';
import { contextOf, runOf, START, step } from '../wandb/records.ts';
import { WandbStandIn } from '../wandb/stand-in.ts';
import { itemsOf, readWandbFile, recordKind } from '../wandb/wandb-file.ts';

const VALUES = [0.1, -0.25, 3, 3, Number.NaN, Infinity];
const HISTOGRAM = histogramOf(VALUES, 3);
const [low, first, second, high] = HISTOGRAM.edges as [number, number, number, number];

function aHistogram(seq: number, number: number, name = 'gradients/layer_1'): SinkRecord {
  const time = START + seq * 1000;
  return { kind: 'histogram', seq, time, step: number, epoch: 0.5, name, histogram: HISTOGRAM };
}
const RECORDS = [step(1, 7, { 'train/loss': 1 }), aHistogram(2, 7), step(3, 8, { 'train/loss': 0.5 })];

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe('a histogram in an exported run', () => {
  async function exported(format: ExportFormatName): Promise<string> {
    const path = join(temporaryFolder(), format);
    const target = await EXPORT_FORMATS[format].open(path, 1);
    const sink = target.sink(0);
    await sink.open(runOf());
    await sink.write(RECORDS);
    await sink.close('finished', {});
    await target.finish();
    return path;
  }
  const body = { ...HISTOGRAM, positive_infinity: 1, nan: 1 } as Record<string, unknown>;
  delete body['positiveInfinity'];
  delete body['negativeInfinity'];

  it('is a line of its own as JSON', async () => {
    const lines = readFileSync(await exported('json'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(lines.filter(({ type }) => type === 'histogram')).toEqual([
      {
        type: 'histogram',
        seq: 2,
        time: START + 2000,
        step: 7,
        epoch: 0.5,
        name: 'gradients/layer_1',
        ...body,
      },
    ]);
  });

  it('is a row of its own as CSV and Parquet', async () => {
    const row = readFileSync(await exported('csv'), 'utf8')
      .split('\r\n')
      .find((text) => text.includes(',histogram,'));
    expect(row).toMatch(/^k3v9x1,0,2,[^,]+,histogram,7,0\.5,gradients\/layer_1,"\{""edges"":\[-0\.25,/);
    const found = (await readParquet(await exported('parquet'))).filter(({ kind }) => kind === 'histogram');
    expect(found).toMatchObject([{ seq: 2n, step: 7n, epoch: 0.5, key: 'gradients/layer_1', value: null }]);
    expect(JSON.parse(String(found[0]?.['text']))).toEqual(body);
  });

  it('is in a table of its own as SQLite', async () => {
    const database = new DatabaseSync(await exported('sqlite'), { readOnly: true });
    const [row] = database.prepare('SELECT * FROM histograms').all();
    database.close();
    const { edges, counts, ...facts } = row as Record<string, unknown>;
    expect(facts).toEqual({
      rank: 0,
      seq: 2,
      step: 7,
      time: START + 2000,
      epoch: 0.5,
      name: 'gradients/layer_1',
      min: -0.25,
      max: 3,
      sum: 5.85,
      nan: 1,
      positive_infinity: 1,
      negative_infinity: 0,
    });
    expect(JSON.parse(String(edges))).toEqual(HISTOGRAM.edges);
    expect(JSON.parse(String(counts))).toEqual([2, 0, 2]);
  });

  it('is a tensor of bins for TensorBoard, what is not finite a scalar beside it', async () => {
    const folder = await exported('tensorboard');
    const values = readEvents(readFileSync(join(folder, readdirSync(folder)[0] as string)));
    expect(values.filter(({ tag }) => tag.startsWith('gradients/'))).toMatchObject([
      {
        tag: 'gradients/layer_1',
        plugin: 'histograms',
        step: 7n,
        bins: [
          [low, first, 2],
          [first, second, 0],
          [second, high, 2],
        ],
      },
      { tag: 'gradients/layer_1/nan', step: 7n, float: 1 },
      { tag: 'gradients/layer_1/infinite', step: 7n, float: 1 },
    ]);
  });
});

describe('a histogram at W&B', () => {
  const ROW = {
    'train/loss': 1,
    'train/epoch': 0.5,
    'gradients/layer_1': { _type: 'histogram', values: [2, 0, 2], bins: HISTOGRAM.edges },
    'gradients/layer_1/nan': 1,
    'gradients/layer_1/infinite': 1,
    _step: 7,
  };

  async function online(options: WandbOptions = {}) {
    const wandb = await new WandbStandIn().listen();
    closing.push(() => wandb.close());
    const env = { WANDB_BASE_URL: wandb.url, WANDB_API_KEY: wandb.key };
    const settings = wandbSettings(options, { env, warn: () => {} });
    const make = () => new WandbOnlineSink(settings as NonNullable<typeof settings>);
    return { wandb, make };
  }

  it('is a column of the row of its step, and of the summary; a restart between them changes nothing', async () => {
    const { wandb, make } = await online();
    const before = make();
    await before.open(runOf(), contextOf());
    await before.write(RECORDS.slice(0, 2));
    const sink = make();
    await sink.open(runOf(), contextOf(before.state()));
    await sink.write(RECORDS.slice(2));
    await sink.close('finished', {});
    expect(wandb.run().history).toMatchObject([ROW, { 'train/loss': 0.5, _step: 8 }]);
    expect(wandb.run().summary['gradients/layer_1']).toEqual(ROW['gradients/layer_1']);
    expect(wandb.violations).toEqual([]);
  });

  it.each([
    [{ logGradients: false }, ['parameters/a', 'activations/a']],
    [{ logParameters: false }, ['gradients/a', 'activations/a']],
    [{}, ['gradients/a', 'parameters/a', 'activations/a']],
  ])('is left out where its kind is switched off: %j', async (options, expected) => {
    const { wandb, make } = await online(options);
    const sink = make();
    await sink.open(runOf(), contextOf());
    await sink.write(
      ['gradients/a', 'parameters/a', 'activations/a'].map((name, at) => aHistogram(at + 1, 7, name)),
    );
    await sink.close('finished', {});
    const [row = {}] = wandb.run().history;
    expect(Object.keys(row).filter((key) => /^\w+\/a$/.test(key))).toEqual(expected);
  });

  it('is in the file for `wandb sync`', async () => {
    const dir = temporaryFolder();
    const settings = wandbSettings(
      { mode: 'offline', dir, logParameters: false },
      { env: {}, warn: () => {} },
    );
    const sink = new WandbOfflineSink(settings as NonNullable<typeof settings>);
    await sink.open(runOf(), contextOf());
    await sink.write([...RECORDS, aHistogram(4, 8, 'parameters/a')]);
    await sink.close('finished', {});
    const folder = join(dir, 'wandb', readdirSync(join(dir, 'wandb'))[0] as string);
    const rows = readWandbFile(readFileSync(join(folder, 'run-k3v9x1.wandb')))
      .filter((record) => recordKind(record) === 2)
      .map((record) => itemsOf(record, 1));
    expect(JSON.parse(rows[0]?.['gradients/layer_1'] ?? '')).toEqual(ROW['gradients/layer_1']);
    expect(rows[1]).not.toHaveProperty('parameters/a');
  });
});

describe('a histogram at Comet', () => {
  const INDICES = { version: 2, values: null, offset: 0, start: 1e-12, stop: 1e20, step: 1.1 };
  const settingsOf = (options: CometOptions, env: Record<string, string> = {}) => {
    const settings = cometSettings(options, { env, warn: () => {} });
    return settings as NonNullable<typeof settings>;
  };

  it('is an asset of its step, and is not sent twice', async () => {
    const comet = await new CometStandIn().listen();
    closing.push(() => comet.close());
    const settings = settingsOf({}, { COMET_URL_OVERRIDE: comet.url, COMET_API_KEY: comet.key });
    const time = { now: () => START, monotonic: () => 0, wait: async () => {} };
    const sink = new CometOnlineSink(settings, new CometClient(settings), time);
    await sink.open(runOf(), contextOf());
    // the values of the batch are not taken, its histogram is
    comet.script = ({ path }) => (path.endsWith('/metric') ? { status: 503 } : undefined);
    await expect(sink.write(RECORDS)).rejects.toThrow('503');
    comet.script = () => undefined;
    await sink.write(RECORDS);
    await sink.write([aHistogram(4, 8)]);
    expect(comet.experiment().assets).toMatchObject([
      { name: 'gradients/layer_1', type: 'histogram3d', step: '7' },
      { name: 'gradients/layer_1', type: 'histogram3d', step: '8' },
    ]);
    const other = new CometOnlineSink(settings, new CometClient(settings), time);
    await other.open(runOf(), contextOf(sink.state()));
    await other.write([aHistogram(4, 8)]);
    expect(comet.experiment().assets).toHaveLength(2);
    expect(comet.experiment().metrics).toContainEqual(
      expect.objectContaining({ name: 'gradients/layer_1/nan', value: 1, step: 7 }),
    );
    expect(comet.violations).toEqual([]);
  });

  it('is a file of the archive for `comet upload`', async () => {
    const folder = temporaryFolder();
    const sink = new CometOfflineSink(settingsOf({ mode: 'offline', offlineDirectory: folder }));
    await sink.open(runOf({ id: 'a'.repeat(32) }), contextOf());
    await sink.write(RECORDS);
    await sink.close('finished', {});
    const files = readZip(readFileSync(join(folder, `${'a'.repeat(32)}.zip`)));
    const upload = (files.get('messages.json')?.toString() ?? '')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; payload: Record<string, unknown> })
      .find(({ type }) => type === 'file_upload');
    expect(upload?.payload).toMatchObject({
      upload_type: 'histogram3d',
      additional_params: {
        fileName: 'gradients/layer_1',
        step: 7,
        epoch: 0,
        overwrite: false,
        context: null,
      },
    });
    const content = JSON.parse(files.get(upload?.payload['file_path'] as string)?.toString() ?? '') as object;
    expect(content).toMatchObject(INDICES);
    const counts = (content as { index_values: [number, number][] }).index_values;
    expect(counts.reduce((sum, [, count]) => sum + count, 0)).toBe(4);
  });

  it('has every value in the bin where Comet looks for it, as far as our bins tell', () => {
    const spread = (values: number[]) => cometCounts(histogramOf(values, 512));
    // what comet_ml's own Histogram counts for these values
    expect(spread([0])).toEqual([[775, 1]]);
    expect(spread([1, 1])).toEqual([[1065, 2]]);
    expect(spread([-1])).toEqual([[484, 1]]);
    expect(cometCounts(histogramOf({ edges: [0, 1e20, 1e22], counts: [0, 5] }))).toEqual([[1549, 5]]);
    expect(cometCounts(histogramOf([]))).toEqual([]);
  });
});

describe('a histogram at MLflow, which has none', () => {
  it('is its figures, as metrics of the step', async () => {
    const server = await startStandIn();
    closing.push(() => server.close());
    const sink = new MlflowSink(mlflowSettings({ trackingUri: server.url }, { env: {}, warn: () => {} }));
    await sink.open(runOf(), contextOf());
    await sink.write([aHistogram(2, 7)]);
    const metrics = server.asked.flatMap(
      ({ body }) => (body['metrics'] ?? []) as { key: string; value: number; step: number }[],
    );
    expect(metrics.map(({ step: number }) => number)).toEqual(metrics.map(() => 7));
    expect(Object.fromEntries(metrics.map(({ key, value }) => [key, value]))).toEqual({
      'gradients/layer_1/min': -0.25,
      'gradients/layer_1/max': 3,
      'gradients/layer_1/mean': 5.85 / 4,
      'gradients/layer_1/p05': expect.closeTo(low + (first - low) * 0.1),
      'gradients/layer_1/p50': expect.closeTo(first),
      'gradients/layer_1/p95': expect.closeTo(second + (high - second) * 0.9),
      'gradients/layer_1/nan': 1,
      'gradients/layer_1/infinite': 1,
    });
  });

  it('has figures of its bins alone where nothing else is known, and none without values', () => {
    expect(histogramFigures(histogramOf({ edges: [0, 1, 2, 3], counts: [0, 4, 0] }))).toEqual({
      min: 1,
      max: 2,
      mean: 1.5,
      p05: 1.05,
      p50: 1.5,
      p95: 1.95,
    });
    expect(histogramFigures(histogramOf([-Infinity]))).toEqual({ infinite: 1 });
    const huge = histogramFigures(histogramOf([-Number.MAX_VALUE, Number.MAX_VALUE]));
    expect(Object.values(huge).every(Number.isFinite)).toBe(true);
  });
});
