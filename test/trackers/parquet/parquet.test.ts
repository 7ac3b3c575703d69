import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXPORT_FORMATS } from '../../../src/trackers/index.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { anArtifact, aRun, aStart, aStep, STARTED } from '../local/runs.ts';
import { readParquet, readParquetMetadata } from './read-parquet.ts';

describe('a run as Parquet', () => {
  it('has every kind of record, numbers apart from texts', async () => {
    const path = join(temporaryFolder(), 'run.parquet');
    const target = await EXPORT_FORMATS.parquet.open(path, 1);
    const sink = target.sink(0);
    await sink.open(aRun({ params: { lr: 0.1, model: 'small' } }));
    await sink.write([
      aStep(1, { loss: 0.5 }),
      ...aStart(2),
      { kind: 'note', seq: 3, time: STARTED + 3.25, severity: 'warning', text: 'hot' },
    ]);
    await sink.artifact(anArtifact(4, { sha256: 'ab' }));
    await sink.close('failed', {}, undefined, STARTED + 9);
    await target.finish();
    const rows = await readParquet(path);
    expect(rows.map(({ kind, key, value, text }) => [kind, key, value ?? null, text ?? null])).toEqual([
      ['param', 'lr', 0.1, null],
      ['param', 'model', null, 'small'],
      ['tag', 'fast', null, 'true'],
      ['value', 'loss', 0.5, null],
      ['param', 'p2', 2, null],
      ['tag', 't2', null, 'true'],
      ['note', 'warning', null, 'hot'],
      ['artifact', 'model.bin', null, expect.stringContaining('"sha256":"ab"')],
      ['end', 'status', null, 'failed'],
    ]);
    expect(rows[3]).toMatchObject({ run: 'run-1', rank: 0n, seq: 1n, step: 1n });
    expect(Number(rows[6]?.['time'])).toBe(STARTED + 3);
    const metadata = await readParquetMetadata(path);
    expect(JSON.parse(metadata['llm-otel.runs'] ?? '')).toMatchObject([{ id: 'run-1', project: 'llm' }]);
  });

  it('of more rows than a group holds is whole', async () => {
    const path = join(temporaryFolder(), 'run.parquet');
    const target = await EXPORT_FORMATS.parquet.open(path, 1);
    const sink = target.sink(0);
    await sink.open(aRun());
    const many = Array.from({ length: 1000 }, (_, i) => i);
    for (let from = 0; from < 110; from++)
      await sink.write([aStep(from, Object.fromEntries(many.map((i) => [`k${i}`, from * 1000 + i])))]);
    await sink.close('finished', {});
    await target.finish();
    const values = (await readParquet(path)).filter(({ kind }) => kind === 'value');
    expect(values.length).toBe(110_000);
    expect(values.every(({ value }, index) => value === index)).toBe(true);
  });
});
