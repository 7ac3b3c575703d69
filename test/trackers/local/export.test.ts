import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXPORT_FORMATS, type ExportFormatName, type SinkRecord } from '../../../src/trackers/index.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { readParquet } from '../parquet/read-parquet.ts';
import { readEvents } from '../tensorboard/read-events.ts';
import { anArtifact, aRun, aStep, STARTED } from './runs.ts';

/** A value of a step that came back: its seq (undefined where a format has none), key and number. */
interface Back {
  seq: number | undefined;
  key: string;
  value: number;
}

const EXACT: Partial<Record<ExportFormatName, (path: string) => Back[] | Promise<Back[]>>> = {
  json: (path) =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; seq: number; values: Record<string, unknown> })
      .filter(({ type }) => type === 'step')
      .flatMap(({ seq, values }) =>
        Object.entries(values).map(([key, value]) => ({ seq, key, value: Number(value) })),
      ),
  csv: (path) =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\r\n')
      .map((row) => row.split(','))
      .filter((row) => row[4] === 'value')
      .map((row) => ({ seq: Number(row[2]), key: row[7] as string, value: Number(row[8]) })),
  sqlite(path) {
    const database = new DatabaseSync(path, { readOnly: true });
    const rows = database
      .prepare(
        'SELECT seq, keys.key AS key, value, exact FROM points JOIN keys ON keys.id = points.key ORDER BY points.rowid',
      )
      .all() as { seq: number; key: string; value: number; exact: string | null }[];
    database.close();
    return rows.map(({ seq, key, value, exact }) => ({
      seq,
      key,
      value: exact === null ? value : Number(exact),
    }));
  },
  async parquet(path) {
    const rows = await readParquet(path);
    return rows
      .filter(({ kind }) => kind === 'value')
      .map(({ seq, key, value }) => ({ seq: Number(seq), key: String(key), value: value as number }));
  },
};

async function exported(
  format: ExportFormatName,
  records: readonly SinkRecord[],
  path: string,
): Promise<void> {
  const target = await EXPORT_FORMATS[format].open(path, 1);
  const sink = target.sink(0);
  await sink.open(aRun());
  await sink.write(records);
  await sink.artifact(anArtifact(1000, { sha256: 'ab' }));
  await sink.close('finished', { best: Number.NaN }, undefined, STARTED + 5000);
  await target.finish();
}

describe('an exported run', () => {
  it.each(Object.keys(EXACT) as ExportFormatName[])('has every double bit by bit as %s', async (format) => {
    const folder = temporaryFolder();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.double(), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 20 }),
        async (steps) => {
          const records = steps.map((values, index) =>
            aStep(index + 1, Object.fromEntries(values.map((value, i) => [`k${i}`, value]))),
          );
          const path = join(folder, `${count++}`);
          await exported(format, records, path);
          const wanted = steps.flatMap((values, index) =>
            values.map((value, i) => ({ seq: index + 1, key: `k${i}`, value })),
          );
          const back = await EXACT[format]?.(path);
          // toEqual tells 0 from -0 and finds NaN equal to NaN
          expect(back).toEqual(wanted);
        },
      ),
      {
        numRuns: 25,
        examples: [
          [
            [
              [Number.NaN, 0, -0],
              [-0, Infinity, -Infinity],
              [5e-324, 1.7976931348623157e308, 1 / 3],
            ],
          ],
        ],
      },
    );
  });

  it('has the nearest floats as event files, never a finite number as an infinite one', async () => {
    const out = join(temporaryFolder(), 'tb');
    const numbers = [0.1, -0, Number.NaN, Infinity, -Infinity, 1e300, -1e300, 1e-300];
    await exported(
      'tensorboard',
      numbers.map((value, index) => aStep(index - 3, { loss: value })),
      out,
    );
    const [file] = readdirSync(out);
    const values = readEvents(readFileSync(join(out, file as string))).filter(({ tag }) => tag === 'loss');
    expect(values.map(({ float }) => float)).toEqual([
      Math.fround(0.1),
      -0,
      Number.NaN,
      Infinity,
      -Infinity,
      Math.fround(3.4028234663852886e38),
      -Math.fround(3.4028234663852886e38),
      0,
    ]);
    expect(values.map(({ step }) => step)).toEqual([-3n, -2n, -1n, 0n, 1n, 2n, 3n, 4n]);
    expect(values.map(({ plugin }) => plugin)).toEqual(['scalars', ...Array(7).fill(undefined)]);
    expect(values[0]?.wallTime).toBe((STARTED - 3) / 1000);
  });

  it('takes the place of what was there only when it is whole', async () => {
    for (const format of ['json', 'csv', 'sqlite', 'parquet'] as const) {
      const folder = temporaryFolder();
      const path = join(folder, 'run');
      writeFileSync(path, 'old');
      const target = await EXPORT_FORMATS[format].open(path, 1);
      const sink = target.sink(0);
      await sink.open(aRun());
      await sink.write([aStep(1)]);
      expect(readFileSync(path, 'utf8')).toBe('old');
      await target.discard();
      expect([format, readFileSync(path, 'utf8'), readdirSync(folder)]).toEqual([format, 'old', ['run']]);
    }
  });

  it('has all ranks in one file, the header once', async () => {
    const path = join(temporaryFolder(), 'run');
    for (const format of ['json', 'csv', 'sqlite', 'parquet'] as const) {
      const target = await EXPORT_FORMATS[format].open(path, 2);
      for (const rank of [0, 1]) {
        const sink = target.sink(rank);
        await sink.open(aRun({ rank, worldSize: 2 }));
        await sink.write([aStep(rank + 1, { loss: rank })]);
        await sink.close('finished', {});
      }
      await target.finish();
      const back = await EXACT[format]?.(path);
      expect([format, back?.map(({ value }) => value)]).toEqual([format, [0, 1]]);
    }
    const csv = await EXPORT_FORMATS.csv.open(path, 1);
    await csv.finish();
    expect(existsSync(path)).toBe(true);
  });

  it('is the same event file again when it is exported again', async () => {
    const out = join(temporaryFolder(), 'tb');
    await exported('tensorboard', [aStep(1)], out);
    await exported('tensorboard', [aStep(1), aStep(2)], out);
    expect(readdirSync(out)).toHaveLength(1);
  });
});
