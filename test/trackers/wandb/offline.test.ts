import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SinkState } from '../../../src/trackers/index.ts';
import { type WandbOptions, wandbSettings } from '../../../src/trackers/wandb/config.ts';
import { WandbOfflineSink } from '../../../src/trackers/wandb/offline/offline-sink.ts';
import { contextOf, runOf, START, step } from './records.ts';
import { fieldsOf, itemsOf, readWandbFile, recordKind } from './wandb-file.ts';

const KIND = {
  header: 21,
  run: 17,
  environment: 26,
  history: 2,
  summary: 3,
  exit: 18,
  files: 6,
  artifact: 8,
  alert: 10,
};
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wandb-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function sinkOf(options: WandbOptions = {}): WandbOfflineSink {
  const settings = wandbSettings({ mode: 'offline', dir: folder, ...options }, { env: {}, warn: () => {} });
  return new WandbOfflineSink(settings as NonNullable<typeof settings>);
}
const folders = (): string[] => readdirSync(join(folder, 'wandb')).toSorted();
const fileOf = (name = folders()[0] ?? ''): string => join(folder, 'wandb', name, 'run-k3v9x1.wandb');
const kindsOf = (path: string): number[] => readWandbFile(readFileSync(path)).map(recordKind);

describe('a run that W&B gets later', () => {
  it('is a folder as `wandb sync` looks for it, its file with one row a step and the end last', async () => {
    const sink = sinkOf();
    await sink.open(runOf(), contextOf());
    await sink.write([
      step(1, 0, { 'train/loss': 1 }),
      step(2, 1, { 'train/loss': Number.NaN }),
      step(3, 1, { 'val/loss': 2 }),
    ]);
    await sink.close('finished', { best: 1 }, undefined, START + 9500);
    expect(folders()).toEqual(['offline-run-20261124_120000-k3v9x1']);
    const records = readWandbFile(readFileSync(fileOf()));
    expect(records.map(recordKind)).toEqual([
      KIND.header,
      KIND.run,
      KIND.environment,
      KIND.history,
      KIND.summary,
      KIND.history,
      KIND.summary,
      KIND.exit,
    ]);
    expect(itemsOf(records[5] as Buffer, 1)).toEqual({
      'train/loss': 'NaN',
      'val/loss': '2',
      _step: '1',
      _timestamp: String(START / 1000 + 3),
      _runtime: '3',
    });
    expect(itemsOf(records[6] as Buffer, 1)).toMatchObject({
      best: '1',
      _wandb: '{"runtime":9}',
      _step: '1',
    });
  });

  it('is byte for byte the same after crashes and other batches', async () => {
    const records = Array.from({ length: 3000 }, (_, index) =>
      step(index + 1, index, { a: index, b: index / 3 }),
    );
    const sink = sinkOf();
    await sink.open(runOf(), contextOf());
    for (let at = 0; at < 3000; at += 250) await sink.write(records.slice(at, at + 250));
    await sink.close('finished', {}, undefined, START + 4e6);
    const expected = readFileSync(fileOf());
    rmSync(join(folder, 'wandb'), { recursive: true });

    let remembered: SinkState | undefined;
    for (let at = 0; at < 3000; at += 250) {
      const broken = sinkOf();
      await broken.open(runOf(), contextOf(remembered));
      // was written, and never acknowledged
      await broken.write(records.slice(at, at + 100));
      await broken.close(undefined, {});
      const next = sinkOf();
      await next.open(runOf(), contextOf(remembered));
      await next.write(records.slice(at, at + 250));
      remembered = JSON.parse(JSON.stringify(next.state())) as SinkState;
      await next.close(undefined, {});
    }
    const last = sinkOf();
    await last.open(runOf(), contextOf(remembered));
    await last.close('finished', {}, undefined, START + 4e6);
    expect(readFileSync(fileOf()).equals(expected)).toBe(true);
    expect(folders()).toHaveLength(1);
  });

  it('that had ended goes on in its file, or in a new one when that was uploaded', async () => {
    const first = sinkOf();
    await first.open(runOf(), contextOf());
    await first.write([step(1, 0, { a: 1 })]);
    await first.close('killed', {});
    const second = sinkOf();
    await second.open(runOf({ attempt: 2 }), contextOf(first.state()));
    await second.write([step(2, 1, { a: 2 })]);
    await second.close('finished', {});
    expect(folders()).toHaveLength(1);
    expect(kindsOf(fileOf()).filter((kind) => kind === KIND.exit)).toHaveLength(1);
    expect(kindsOf(fileOf()).filter((kind) => kind === KIND.history)).toHaveLength(2);
    writeFileSync(`${fileOf()}.synced`, '');
    const third = sinkOf();
    await third.open(runOf({ attempt: 3 }), contextOf(second.state()));
    await third.write([step(3, 1, { a: 3 })]);
    await third.close('finished', {});
    expect(folders()).toHaveLength(2);
    const rows = readWandbFile(readFileSync(fileOf(folders()[1])))
      .filter((record) => recordKind(record) === KIND.history)
      .map((record) => itemsOf(record, 1));
    // steps go on where the first file ended
    expect(rows).toEqual([expect.objectContaining({ _step: '2', a: '3', 'train/global_step': '1' })]);
  });

  it('has copies of its artifacts beside it, and says what they are', async () => {
    const context = contextOf();
    const sink = sinkOf({ maxArtifactBytes: 100 });
    await sink.open(runOf(), context);
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'weights.bin'), 'weights');
    writeFileSync(join(folder, 'large.bin'), Buffer.alloc(100));
    const artifact = { time: START, kind: 'model', size: 7, sha256: '', metadata: { layers: 3 } };
    await sink.artifact({ ...artifact, seq: 1, name: 'best', path: join(folder, 'model') });
    await sink.artifact({ ...artifact, seq: 2, name: 'gone', path: join(folder, 'gone.bin') });
    await sink.artifact({ ...artifact, seq: 3, name: 'large', path: join(folder, 'large.bin') });
    rmSync(join(folder, 'model'), { recursive: true });
    const copy = join(folder, 'wandb', folders()[0] ?? '', 'artifacts', '1', 'weights.bin');
    expect(readFileSync(copy, 'utf8')).toBe('weights');
    const last = readWandbFile(readFileSync(fileOf())).at(-1) as Buffer;
    expect(recordKind(last)).toBe(KIND.artifact);
    for (const text of ['best', 'model', '{"layers":3}', 'latest', copy, 'Y/Tx6bclNw9FlyBXXNX5Uw=='])
      expect(last.includes(text), text).toBe(true);
    expect(kindsOf(fileOf())).not.toContain(KIND.files);
    expect(context.warnings).toEqual([
      expect.stringContaining('gone'),
      expect.stringMatching(/large has 100 bytes.*maxArtifactBytes/),
    ]);
    await sink.close(undefined, {});
  });

  it('has the alerts that severe notes are', async () => {
    const sink = sinkOf({ alerts: 'error' });
    await sink.open(runOf(), contextOf());
    await sink.write(
      ['warning', 'error'].map((severity, index) => ({
        kind: 'note',
        seq: index + 1,
        time: START,
        severity,
        text: `it is a ${severity}`,
      })),
    );
    await sink.close('finished', {});
    const alerts = readWandbFile(readFileSync(fileOf())).filter(
      (record) => recordKind(record) === KIND.alert,
    );
    expect(alerts).toHaveLength(1);
    const [title, text, level] = fieldsOf(fieldsOf(alerts[0] as Buffer)[0]?.[1] as Buffer).map(([, of]) =>
      of.toString(),
    );
    expect([title, text, level]).toEqual(['it is a error', 'it is a error', 'ERROR']);
  });

  it('has the sources of its program when asked for, but only in its own process', async () => {
    const own = sinkOf({ logCode: true });
    await own.open(runOf({ pid: process.pid }), contextOf());
    await own.close(undefined, {});
    const files = join(folder, 'wandb', folders()[0] ?? '', 'files');
    expect(existsSync(join(files, 'code/package.json'))).toBe(true);
    expect(existsSync(join(files, 'code/node_modules'))).toBe(false);
    rmSync(join(folder, 'wandb'), { recursive: true });
    const context = contextOf();
    const bridge = sinkOf({ logCode: true });
    await bridge.open(runOf({ pid: -1 }), context);
    await bridge.close(undefined, {});
    expect(context.warnings).toEqual([expect.stringMatching(/^log_code: /)]);
  });
});
