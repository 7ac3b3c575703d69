/** What `runs export` writes, read by TensorBoard itself and by pyarrow. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXPORT_FORMATS, type ExportFormatName, type RunSink } from '../../src/trackers/index.ts';
import { localPlatform } from '../../src/trackers/local/index.ts';
import { histogramOf } from '../../src/training/values/histogram.ts';
import { aContext, aRun, aStep, STARTED } from '../trackers/local/runs.ts';
import { readersOrSkip } from './file-readers.ts';

const run = promisify(execFile);
const python = await readersOrSkip('TensorBoard and pyarrow');
const program = fileURLToPath(new URL('./file-readers.py', import.meta.url));

const NUMBERS = [0.1, Number.NaN, Infinity, -Infinity, -0, 1 / 3, 12345.678, 3e38];
const HISTOGRAM = histogramOf([0.1, 0.2, 0.2, 1], 3);
const BINS = HISTOGRAM.counts.map((count, bin) => [HISTOGRAM.edges[bin], HISTOGRAM.edges[bin + 1], count]);
/** As the readers print them. */
const named = (value: number): string =>
  Object.is(value, -0) ? '-0' : Number.isNaN(value) ? 'NaN' : String(value);

async function fill(sink: RunSink): Promise<void> {
  await sink.open(aRun({ params: { lr: 0.1, model: { name: 'small' }, fast: true } }), aContext());
  await sink.write(
    NUMBERS.map((value, index) => aStep(index + 1, { 'train/loss': value, 'val/größe': index })),
  );
  const time = STARTED + 9;
  await sink.write([
    { kind: 'histogram', seq: 9, time, step: 8, epoch: undefined, name: 'gradients/a', histogram: HISTOGRAM },
  ]);
  await sink.close('finished', { best: 0.1 });
}

async function read(what: string, path: string): Promise<unknown> {
  const { stdout } = await run(python as string, [program, what, path], { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}

describe.skipIf(python === undefined)('what runs export writes', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'llm-otel-readers-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function exported(format: ExportFormatName): Promise<string> {
    const path = join(folder, format);
    const target = await EXPORT_FORMATS[format].open(path, 1);
    await fill(target.sink(0));
    await target.finish();
    return path;
  }

  it("is read by TensorBoard's event accumulator: scalars, histograms, texts, hyper-parameters", async () => {
    const found = (await read('events', await exported('tensorboard'))) as Record<string, unknown>;
    expect(found['scalars']).toEqual({
      'train/loss': NUMBERS.map((value, index) => [index + 1, named(Math.fround(value))]),
      'val/größe': NUMBERS.map((_, index) => [index + 1, named(index)]),
    });
    expect(found['histograms']).toEqual({ 'gradients/a': [[8, BINS]] });
    expect(found['hparams']).toEqual({ lr: 0.1, 'model.name': 'small', fast: true });
    expect(found['status']).toBe('STATUS_SUCCESS');
    expect(found['texts']).toMatchObject({ params: expect.stringContaining('| model.name | small |') });
  });

  it.each(['true', 'false'])('is shown by TensorBoard (its fast loader: %s)', async (fast) => {
    const logs = join(folder, `logs-${fast}`);
    mkdirSync(logs);
    const target = await EXPORT_FORMATS.tensorboard.open(join(logs, 'run'), 1);
    await fill(target.sink(0));
    await target.finish();
    const server = spawn(
      python as string,
      [
        '-m',
        'tensorboard.main',
        '--logdir',
        logs,
        '--host',
        '127.0.0.1',
        '--port',
        '0',
        `--load_fast=${fast}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const ended = new Promise((resolve) => server.once('close', resolve));
    try {
      const url = await new Promise<string>((resolve, reject) => {
        createInterface({ input: server.stderr }).on('line', (line) => {
          const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
          if (address) resolve(address);
        });
        void ended.then(() => reject(new Error('TensorBoard ended before it listened')));
      });
      const ask = async (path: string): Promise<unknown> => {
        const reply = await fetch(`${url}/data/plugin/${path}`);
        return reply.ok ? await reply.json() : undefined;
      };
      // it listens before it has read the folder
      await expect
        .poll(() => ask('scalars/tags'), { timeout: 60_000, interval: 250 })
        .toMatchObject({ run: { 'train/loss': {} } });
      const points = (await ask('scalars/scalars?run=run&tag=train%2Floss')) as [number, number, unknown][];
      const values = points.map(([, step, value]) => [step, named(Number(value))]);
      expect(values.map(([step]) => step)).toEqual(NUMBERS.map((_, index) => index + 1));
      const histograms = (await ask('histograms/histograms?run=run&tag=gradients%2Fa')) as [
        number,
        number,
        unknown,
      ][];
      expect(histograms.map(([, step, bins]) => [step, bins])).toEqual([[8, BINS]]);
      // the slow loader prints floats as doubles
      expect(values.map(([, value]) => named(Math.fround(Number(value))))).toEqual(
        NUMBERS.map((value) => named(Math.fround(value))),
      );
    } finally {
      server.kill();
      await ended;
    }
  });

  it('goes on in a second event file when a run is resumed', async () => {
    const logDir = join(folder, 'resumed');
    for (const attempt of [1, 2]) {
      const sink = localPlatform.createSink({ logDir, format: 'tensorboard' }, { env: {}, warn: () => {} });
      await sink?.open(aRun({ attempt }), aContext());
      await sink?.write([aStep(1), aStep(attempt * 2)]);
      await sink?.close(attempt === 2 ? 'failed' : undefined, {});
    }
    const found = (await read('events', join(logDir, 'llm', 'first-run-1'))) as Record<string, unknown>;
    expect(found['files']).toBe(2);
    expect(found['scalars']).toEqual({
      'train/loss': [1, 2, 4].map((step) => [step, named(Math.fround(1 / step))]),
    });
    expect(found['status']).toBe('STATUS_FAILURE');
  });

  it('is read by pyarrow as Parquet, every double exact', async () => {
    const found = (await read('parquet', await exported('parquet'))) as { values: unknown; types: unknown };
    expect(found.values).toEqual(
      NUMBERS.flatMap((value, index) => [
        [index + 1, 'train/loss', named(value)],
        [index + 1, 'val/größe', named(index)],
      ]),
    );
    expect(found.types).toMatchObject({
      run: 'string',
      seq: 'int64',
      time: 'timestamp[us, tz=UTC]',
      step: 'int64',
      value: 'double',
    });
  });

  it("is read by Python's own readers as JSON lines, CSV and SQLite, every double exact", async () => {
    for (const format of ['json', 'csv', 'sqlite'] as const) {
      const found = await read(format, await exported(format));
      expect([format, found]).toEqual([
        format,
        NUMBERS.flatMap((value, index) => [
          [index + 1, 'train/loss', named(value)],
          [index + 1, 'val/größe', named(index)],
        ]),
      ]);
    }
  });
});
