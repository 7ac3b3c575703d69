import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SinkRefused, SinkUnavailable } from '../../../src/trackers/index.ts';
import { LOCAL_RUN_FORMATS, localSettings } from '../../../src/trackers/local/config.ts';
import { LocalSink } from '../../../src/trackers/local/local-sink.ts';
import type { RunData } from '../../../src/trackers/local/run-data.ts';
import { TextData } from '../../../src/trackers/local/text-data.ts';
import { JSON_TEXT } from '../../../src/trackers/local/text-formats.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { readFolder, segments } from './read-folder.ts';
import { aContext, anArtifact, aRun, aStart, aStep, localSink, STARTED } from './runs.ts';

const FOLDER = join('llm', 'first-run-1');
const runJson = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as Record<string, unknown> & {
    data: { file: string; bytes: number };
    artifacts: { path: string | null; problem?: string; sha256: string }[];
  };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe.each(LOCAL_RUN_FORMATS)('a run in a folder as %s', (format) => {
  it('is complete, and run.json says what it is', async () => {
    const logDir = temporaryFolder();
    const sink = localSink({ logDir, format });
    await sink.open(aRun(), aContext());
    expect(runJson(join(logDir, FOLDER))).toMatchObject({ status: 'running', seq: -1 });
    await sink.write([aStep(1), aStep(2, { 'train/loss': Number.NaN }), ...aStart(3)]);
    await sink.write([aStep(4, { 'train/loss': -0 })]);
    await sink.close('failed', { best: 0.5 }, undefined, STARTED + 9);
    expect(readFolder(join(logDir, FOLDER), format)).toEqual({
      steps: [1, 2, 4],
      params: ['p3', 't3'],
      ends: 1,
    });
    expect(runJson(join(logDir, FOLDER))).toMatchObject({
      id: 'run-1',
      project: 'llm',
      status: 'failed',
      startedAt: STARTED,
      endedAt: STARTED + 9,
      params: { lr: 0.1, p3: 3 },
      tags: { fast: true, t3: true },
      summary: { best: 0.5 },
      steps: 3,
      lastStep: 4,
      nonFinite: 1,
      last: { 'train/loss': { value: -0, step: 4 } },
      format,
      seq: 4,
    });
  });

  it('has everything once when the process dies between the data and run.json', async () => {
    const logDir = temporaryFolder();
    const folder = join(logDir, FOLDER);
    const dying = localSink({ logDir, format });
    await dying.open(aRun(), aContext());
    await dying.write([aStep(1), aStep(2)]);
    const saved = readFileSync(join(folder, 'run.json'));
    await dying.write([aStep(3), ...aStart(4), aStep(5)]);
    await dying.close(undefined, {});
    // as a crash right before the rename leaves it
    writeFileSync(join(folder, 'run.json'), saved);

    const next = localSink({ logDir, format });
    await next.open(aRun({ attempt: 2 }), aContext());
    // the forwarder's own cursor may be older still
    await next.write([aStep(2), aStep(3), ...aStart(4)]);
    await next.write([aStep(5), aStep(6)]);
    await next.close('finished', {});
    expect(readFolder(folder, format)).toEqual({ steps: [1, 2, 3, 5, 6], params: ['p4', 't4'], ends: 1 });
    expect(runJson(folder)).toMatchObject({ attempt: 2, steps: 5, seq: 6, status: 'finished' });
  });

  it('takes the same end twice as one, and goes on after it when the run is resumed', async () => {
    const logDir = temporaryFolder();
    const folder = join(logDir, FOLDER);
    for (let time = 0; time < 2; time++) {
      const sink = localSink({ logDir, format, compressLogs: true });
      await sink.open(aRun(), aContext());
      await sink.write([aStep(1)]);
      await sink.close('finished', {});
    }
    expect(readFolder(folder, format)).toMatchObject({ steps: [1], ends: 1 });

    const resumed = localSink({ logDir, format, compressLogs: true });
    await resumed.open(aRun({ attempt: 2, name: 'renamed' }), aContext());
    expect(runJson(folder)).toMatchObject({ status: 'finished' });
    await resumed.write([aStep(2)]);
    expect(runJson(folder)).toMatchObject({ status: 'running', endedAt: null });
    await resumed.close(undefined, {});
    expect(readFolder(folder, format).steps).toEqual([1, 2]);
    expect(readdirSync(join(logDir, 'llm'))).toEqual(['first-run-1']);
  });

  it('refuses a folder that has the run in another format', async () => {
    const logDir = temporaryFolder();
    const other = format === 'json' ? 'csv' : 'json';
    const first = localSink({ logDir, format: other });
    await first.open(aRun(), aContext());
    await first.close('finished', {});
    const refusal = localSink({ logDir, format }).open(aRun(), aContext());
    await expect(refusal).rejects.toThrow(SinkRefused);
    await expect(refusal).rejects.toThrow(/another log_dir/);
  });
});

describe('a run in a folder', () => {
  it('loses a torn end when it is opened again', async () => {
    const logDir = temporaryFolder();
    const sink = localSink({ logDir });
    await sink.open(aRun(), aContext());
    await sink.write([aStep(1)]);
    await sink.close(undefined, {});
    appendFileSync(join(logDir, FOLDER, 'records-000001.jsonl'), '{"type":"step","seq":2,"ti');
    const next = localSink({ logDir });
    await next.open(aRun(), aContext());
    await next.write([aStep(2)]);
    await next.close(undefined, {});
    expect(readFolder(join(logDir, FOLDER), 'json').steps).toEqual([1, 2]);
  });

  it('says so when somebody has shortened its data, and goes on', async () => {
    const logDir = temporaryFolder();
    const sink = localSink({ logDir });
    await sink.open(aRun(), aContext());
    await sink.write([aStep(1)]);
    await sink.close(undefined, {});
    truncateSync(join(logDir, FOLDER, 'records-000001.jsonl'), 0);
    const warnings: string[] = [];
    const next = localSink({ logDir });
    await next.open(aRun(), aContext(warnings));
    await next.write([aStep(2)]);
    await next.close(undefined, {});
    expect(warnings).toEqual([expect.stringContaining('shortened or removed')]);
    expect(readFolder(join(logDir, FOLDER), 'json').steps).toEqual([2]);
  });

  it('is whole after a write that failed half way and came again', async () => {
    const logDir = temporaryFolder();
    const settings = localSettings({ logDir }, () => {});
    let full = true;
    const sink = new LocalSink(settings, async (folder, warn) => {
      const data = new TextData({ folder, warn, format: JSON_TEXT, compress: false });
      const failing: RunData = {
        open: (...args) => data.open(...args),
        async append(from, chunk) {
          const position = await data.append(from, chunk);
          if (!full) return position;
          full = false;
          throw Object.assign(new Error('no space'), { code: 'ENOSPC', path: join(folder, 'records') });
        },
        seal: (from) => data.seal(from),
        kept: (position) => data.kept(position),
        close: () => data.close(),
      };
      return failing;
    });
    await sink.open(aRun(), aContext());
    const failed = sink.write([aStep(1), aStep(2)]);
    await expect(failed).rejects.toThrow(SinkUnavailable);
    await expect(failed).rejects.toThrow(/the disk is full; make room/);
    await sink.write([aStep(1)]);
    await sink.close(undefined, {});
    expect(readFolder(join(logDir, FOLDER), 'json').steps).toEqual([1]);
  });

  it('begins segments when they are full, each to be read alone, and packs those that are', async () => {
    const logDir = temporaryFolder();
    const settings = localSettings({ logDir, compressLogs: true }, () => {});
    const sink = new LocalSink(
      settings,
      async (folder, warn) =>
        new TextData({ folder, warn, format: JSON_TEXT, compress: true, segmentBytes: 700 }),
    );
    await sink.open(aRun(), aContext());
    for (let seq = 1; seq <= 20; seq++) await sink.write([aStep(seq)]);
    await sink.close('finished', {});
    const folder = join(logDir, FOLDER);
    const names = readdirSync(folder).filter((name) => name.startsWith('records-'));
    expect(names.length).toBeGreaterThan(2);
    expect(names.filter((name) => !name.endsWith('.jsonl.gz'))).toEqual([]);
    for (const text of segments(folder, 'jsonl'))
      expect(JSON.parse(text.slice(0, text.indexOf('\n')))).toMatchObject({ type: 'run', id: 'run-1' });
    expect(readFolder(folder, 'json').steps).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('keeps away from the folder of another run that had the same id', async () => {
    const logDir = temporaryFolder();
    for (const startedAt of [STARTED, STARTED + 60_000]) {
      const sink = localSink({ logDir });
      await sink.open(aRun({ startedAt }), aContext());
      await sink.write([aStep(1)]);
      await sink.close('finished', {});
    }
    expect(readdirSync(join(logDir, 'llm')).sort()).toEqual(['first-run-1', 'first-run-1-20261124T120100']);
  });

  it('stays inside log_dir whatever project and name are', async () => {
    const logDir = join(temporaryFolder(), 'inside');
    const sink = localSink({ logDir });
    await sink.open(aRun({ project: '../..', name: '/etc/../../x\0y', id: '../up' }), aContext());
    await sink.close('finished', {});
    const [project] = readdirSync(logDir);
    expect(project).toMatch(/^[\p{L}\p{N}._-]+$/u);
    expect(readdirSync(join(logDir, '..'))).toEqual(['inside']);
  });

  it('has the folder of rank 0, and of the others in it', async () => {
    const logDir = temporaryFolder();
    for (const rank of [0, 1]) {
      const sink = localSink({ logDir });
      await sink.open(aRun({ rank, worldSize: 2 }), aContext());
      await sink.write([aStep(rank + 1)]);
      await sink.close('finished', {});
    }
    expect(readFolder(join(logDir, FOLDER), 'json').steps).toEqual([1]);
    expect(readFolder(join(logDir, FOLDER, 'rank-1'), 'json').steps).toEqual([2]);
  });
});

describe('artifacts of a run in a folder', () => {
  async function opened(): Promise<{
    sink: ReturnType<typeof localSink>;
    folder: string;
    base: string;
    warnings: string[];
  }> {
    const base = temporaryFolder();
    const warnings: string[] = [];
    const sink = localSink({ logDir: join(base, 'log') });
    await sink.open(aRun(), aContext(warnings));
    return { sink, folder: join(base, 'log', FOLDER), base, warnings };
  }

  it('are copied, the versions of a name beside each other, and no content twice', async () => {
    const { sink, folder, base } = await opened();
    const path = join(base, 'model.bin');
    const contents = ['one', 'two', 'one'];
    for (const [index, content] of contents.entries()) {
      writeFileSync(path, content);
      await sink.artifact(anArtifact(index + 1, { path, size: 3, sha256: sha256(content) }));
    }
    await sink.artifact(anArtifact(3, { path, size: 3, sha256: sha256('one') }));
    await sink.close('finished', {});
    const { artifacts } = runJson(folder);
    expect(artifacts.map((stored) => stored.path)).toEqual([
      'artifacts/model.bin',
      'artifacts/model-2.bin',
      'artifacts/model.bin',
    ]);
    for (const { path: copy, sha256: sum } of artifacts)
      expect(sha256(readFileSync(join(folder, copy as string), 'utf8'))).toBe(sum);
    expect(readdirSync(join(folder, 'artifacts')).sort()).toEqual(['model-2.bin', 'model.bin']);
  });

  it('may be folders', async () => {
    const { sink, folder, base, warnings } = await opened();
    mkdirSync(join(base, 'data', 'deep'), { recursive: true });
    writeFileSync(join(base, 'data', 'b'), 'B');
    writeFileSync(join(base, 'data', 'deep', 'a'), 'A');
    const sum = sha256(`${sha256('B')}  b\n${sha256('A')}  deep/a\n`);
    await sink.artifact(anArtifact(1, { name: 'data', path: join(base, 'data'), sha256: sum }));
    await sink.close('finished', {});
    expect(warnings).toEqual([]);
    expect(readFileSync(join(folder, 'artifacts', 'data', 'deep', 'a'), 'utf8')).toBe('A');
  });

  it('that are gone or have changed are told, and stop nothing', async () => {
    const { sink, folder, base, warnings } = await opened();
    await sink.artifact(anArtifact(1, { path: join(base, 'gone'), sha256: sha256('') }));
    writeFileSync(join(base, 'changed'), 'now');
    await sink.artifact(
      anArtifact(2, { name: 'changed', path: join(base, 'changed'), sha256: sha256('then') }),
    );
    await sink.write([aStep(3)]);
    await sink.close('finished', {});
    expect(warnings).toEqual([
      expect.stringContaining('could not be read any more'),
      expect.stringContaining(`the copy's SHA-256 is ${sha256('now')}`),
    ]);
    expect(runJson(folder).artifacts.map(({ path }) => path)).toEqual([null, 'artifacts/changed']);
    expect(readFolder(folder, 'json').steps).toEqual([3]);
  });

  it('are never there in half: what a crash left is replaced', async () => {
    const { sink, folder, base } = await opened();
    mkdirSync(join(folder, 'artifacts'));
    writeFileSync(join(folder, 'artifacts', 'model.bin.part'), 'ha');
    writeFileSync(join(folder, 'artifacts', 'model.bin'), 'of another time');
    writeFileSync(join(base, 'model.bin'), 'whole');
    await sink.artifact(anArtifact(1, { path: join(base, 'model.bin'), sha256: sha256('whole') }));
    await sink.close('finished', {});
    expect(readdirSync(join(folder, 'artifacts'))).toEqual(['model.bin']);
    expect(readFileSync(join(folder, 'artifacts', 'model.bin'), 'utf8')).toBe('whole');
  });

  it('are only named when copies are not wanted', async () => {
    const logDir = temporaryFolder();
    const sink = localSink({ logDir, copyArtifacts: false });
    await sink.open(aRun(), aContext());
    await sink.artifact(anArtifact(1, { path: '/data/model.bin', sha256: 'ab' }));
    await sink.close('finished', {});
    expect(runJson(join(logDir, FOLDER)).artifacts).toMatchObject([
      { path: null, source: '/data/model.bin', sha256: 'ab' },
    ]);
    expect(existsSync(join(logDir, FOLDER, 'artifacts'))).toBe(false);
  });
});

describe('options of the local tracker', () => {
  it('save after steps (and a second), or after a time', () => {
    expect(localSink({ autoSaveInterval: 100 }).limits).toMatchObject({ maxRecords: 100, lingerMs: 1000 });
    expect(localSink({ autoSaveInterval: '5s' }).limits).toMatchObject({ maxRecords: 1000, lingerMs: 5000 });
    expect(localSink({}).limits).toMatchObject({ maxRecords: 1000, lingerMs: 1000 });
  });

  it('are told apart when they cannot be', () => {
    expect(() => localSink({ format: 'xml' as never })).toThrow(/one of json, csv, sqlite, tensorboard/);
    expect(() => localSink({ autoSaveInterval: 0 })).toThrow(/steps from 1 on/);
    expect(() => localSink({ autoSaveInterval: 'soon' })).toThrow(/"soon"/);
    const warnings: string[] = [];
    localSink({ format: 'sqlite', compressLogs: true }, warnings);
    expect(warnings).toEqual([expect.stringContaining('no effect')]);
  });
});
