import * as fs from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressSegment } from '../../../src/training/journal/compress.ts';
import { listSegments, type JournalProblem, readJournal } from '../../../src/training/journal/reader.ts';
import { encodeRecord } from '../../../src/training/journal/record.ts';
import { type JournalFs, JournalWriter } from '../../../src/training/journal/writer.ts';
import { temporaryFolder } from '../temporary.ts';

const line = (seq: number, text = `record ${seq}`): string =>
  encodeRecord({ seq, time: 1000 + seq, event: 'llm.run.note', attributes: {}, body: text });
const lines = (from: number, to: number): string => {
  let all = '';
  for (let seq = from; seq <= to; seq++) all += line(seq);
  return all;
};
const writer = (dir: string, options: { fs?: JournalFs; segmentBytes?: number; attempt?: number } = {}) =>
  new JournalWriter({
    dir,
    header: { run: 'r', rank: 0, attempt: options.attempt ?? 1, resource: { 'llm.run.id': 'r' } },
    ...options,
  });
async function read(dir: string, fromSeq = 0): Promise<{ seqs: number[]; problems: JournalProblem[] }> {
  const seqs: number[] = [];
  const problems: JournalProblem[] = [];
  for await (const { record } of readJournal(dir, {
    fromSeq,
    onProblem: (problem) => problems.push(problem),
  }))
    seqs.push(record.seq);
  return { seqs, problems };
}
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a journal', () => {
  it('gives back its records in order, over several segments and attempts', async () => {
    const dir = temporaryFolder();
    const first = writer(dir, { segmentBytes: 400 });
    for (let seq = 0; seq < 20; seq++) first.append(line(seq), seq, 1);
    first.seal();
    const second = writer(dir, { attempt: 2 });
    second.append(lines(20, 25), 20, 2);
    second.seal();
    expect((await listSegments(dir)).length).toBeGreaterThan(3);
    expect(await read(dir)).toEqual({ seqs: range(0, 25), problems: [] });
    expect((await read(dir, 17)).seqs).toEqual(range(17, 25));
  });

  it('cuts a tail that is torn at any byte, says so, and keeps all before it', async () => {
    const dir = temporaryFolder();
    const whole = writer(dir);
    whole.append(lines(0, 3), 0, 1);
    whole.seal();
    const [segment] = await listSegments(dir);
    const path = join(dir, segment?.file ?? '');
    const bytes = fs.readFileSync(path);
    const lastLine = Buffer.byteLength(line(3));
    const before = bytes.length - lastLine;
    for (let length = before; length < bytes.length; length++) {
      fs.writeFileSync(path, bytes.subarray(0, length));
      const { seqs, problems } = await read(dir);
      expect(seqs, `cut at ${length}`).toEqual([0, 1, 2]);
      expect(
        problems.map(({ kind }) => kind),
        `cut at ${length}`,
      ).toEqual(length === before ? [] : ['torn']);
    }
  });

  it('cuts a tail of zeros, as a power cut leaves it', async () => {
    const dir = temporaryFolder();
    const whole = writer(dir);
    whole.append(lines(0, 3), 0, 1);
    whole.seal();
    const [segment] = await listSegments(dir);
    fs.appendFileSync(join(dir, segment?.file ?? ''), Buffer.alloc(5000));
    const { seqs, problems } = await read(dir);
    expect(seqs).toEqual([0, 1, 2, 3]);
    expect(problems.map(({ kind }) => kind)).toEqual(['torn']);
  });

  it('gives exactly the whole records before any cut, whatever the records are', async () => {
    const dir = temporaryFolder();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        async (texts, at) => {
          fs.rmSync(dir, { recursive: true, force: true });
          const whole = writer(dir);
          texts.forEach((text, seq) => whole.append(line(seq, text), seq, 1));
          whole.seal();
          const [segment] = await listSegments(dir);
          const path = join(dir, segment?.file ?? '');
          const bytes = fs.readFileSync(path);
          const cut = at % (bytes.length + 1);
          fs.writeFileSync(path, bytes.subarray(0, cut));
          const ends = [...bytes.subarray(0, cut)].filter((byte) => byte === 10).length;
          expect((await read(dir)).seqs).toEqual(range(0, Math.max(0, ends - 1) - 1));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('leaves out a line that is damaged in the middle, and names file and line', async () => {
    const dir = temporaryFolder();
    const whole = writer(dir);
    whole.append(lines(0, 4), 0, 1);
    whole.seal();
    const [segment] = await listSegments(dir);
    const path = join(dir, segment?.file ?? '');
    fs.writeFileSync(path, fs.readFileSync(path, 'utf8').replace('record 2', 'record X'));
    const { seqs, problems } = await read(dir);
    expect(seqs).toEqual([0, 1, 3, 4]);
    expect(problems).toMatchObject([{ kind: 'damaged', line: 4, file: path }]);
  });

  it.each(['gzip', 'zstd'] as const)(
    'reads segments that are compressed with %s, and cut ones up to the cut',
    async (compression) => {
      const dir = temporaryFolder();
      const whole = writer(dir);
      whole.append(lines(0, 500), 0, 1);
      whole.seal();
      const [segment] = await listSegments(dir);
      const target = await compressSegment(join(dir, segment?.file ?? ''), compression);
      expect(fs.readdirSync(dir)).toHaveLength(1);
      expect(await read(dir)).toEqual({ seqs: range(0, 500), problems: [] });
      const bytes = fs.readFileSync(target);
      fs.writeFileSync(target, bytes.subarray(0, bytes.length >> 1));
      const { seqs, problems } = await read(dir);
      expect(seqs).toEqual(range(0, seqs.length - 1));
      expect(problems.map(({ kind }) => kind)).toEqual(['torn']);
    },
  );

  it('has no records where there is no folder', async () => {
    expect(await read(join(temporaryFolder(), 'nothing'))).toEqual({ seqs: [], problems: [] });
  });
});

describe('a journal on a disk that fails', () => {
  /** Writes up to `room` bytes, then fails as a full disk does: first a short write, then ENOSPC. */
  function fullDisk(room: number): { fs: JournalFs; state: { room: number } } {
    const state = { room };
    const writeSync = ((fd: number, bytes: Buffer, offset: number, length: number) => {
      const taken = Math.min(length, state.room);
      if (taken === 0)
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      state.room -= taken;
      return fs.writeSync(fd, bytes, offset, taken);
    }) as typeof fs.writeSync;
    return { fs: { ...fs, writeSync }, state };
  }

  it('takes the same records again when there is room, whatever byte it failed at, and holds each once', async () => {
    const whole = Buffer.byteLength(lines(0, 5)) + 300;
    for (let room = 0; room < whole; room += 7) {
      const dir = temporaryFolder();
      const disk = fullDisk(room);
      const journal = writer(dir, { fs: disk.fs });
      let failed = false;
      try {
        journal.append(lines(0, 2), 0, 1);
        journal.append(lines(3, 5), 3, 1);
      } catch {
        failed = true;
        disk.state.room = 1e6;
        const { seqs } = await read(dir);
        journal.append(lines(seqs.length, 5), seqs.length, 1);
      }
      journal.seal();
      expect(await read(dir), `room ${room}, failed ${failed}`).toEqual({ seqs: range(0, 5), problems: [] });
    }
  });

  it('goes on in a new segment when the torn line cannot be cut back', async () => {
    const dir = temporaryFolder();
    const disk = fullDisk(Buffer.byteLength(lines(0, 2)) + 300);
    const ftruncateSync = (() => {
      throw new Error('EIO');
    }) as typeof fs.ftruncateSync;
    const journal = writer(dir, { fs: { ...disk.fs, ftruncateSync } });
    journal.append(lines(0, 1), 0, 1);
    expect(() => journal.append(lines(2, 9), 2, 1)).toThrow('ENOSPC');
    disk.state.room = 1e6;
    journal.append(lines(2, 9), 2, 1);
    journal.seal();
    const { seqs, problems } = await read(dir);
    expect(seqs).toEqual(range(0, 9));
    expect(problems.map(({ kind }) => kind)).toEqual(['torn']);
  });
});
