import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rankFolder } from '../../src/training/journal/folder.ts';
import type { JournalFs } from '../../src/training/journal/writer.ts';
import { readJournal } from '../../src/training/index.ts';
import type { Clock } from '../../src/training/clock.ts';
import { MemoryReceiver, unavailable } from './receiver.ts';
import { startTestRun } from './starting.ts';
import { temporaryFolder } from './temporary.ts';

/** A disk that can be full. */
function disk(): { fs: JournalFs; full: boolean } {
  const state = {
    full: false,
    fs: {
      ...fs,
      writeSync: ((...args: Parameters<typeof fs.writeSync>) => {
        if (state.full)
          throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        return fs.writeSync(...args);
      }) as typeof fs.writeSync,
    },
  };
  return state;
}
async function journaled(journalDir: string, id: string): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { record } of readJournal(rankFolder(journalDir, id, 0))) seqs.push(record.seq);
  return seqs;
}
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
class ManualClock implements Clock {
  now = 0;
  monotonic(): number {
    return this.now;
  }
  epoch(monotonic: number): number {
    return 1.7e12 + monotonic;
  }
}

describe('a run on a full disk', () => {
  it('goes on, delivers from memory, says so once, and fills the journal when there is room again', async () => {
    const journalDir = temporaryFolder();
    const hardDisk = disk();
    const { run, receiver, troubles } = await startTestRun({ journalDir, journalFs: hardDisk.fs });
    hardDisk.full = true;
    for (let i = 0; i < 10; i++) {
      run.step({ a: i });
      await run.flush();
    }
    expect(receiver.seqs()).toEqual(range(0, 10));
    expect(troubles.filter((text) => text.includes('ENOSPC'))).toHaveLength(1);
    expect(run.stats()).toMatchObject({ journaled: 1, delivered: 11, dropped: 0 });
    hardDisk.full = false;
    await run.finish();
    expect(troubles.at(-1)).toContain('can be written again');
    expect(await journaled(journalDir, run.id)).toEqual(range(0, 11));
    expect(receiver.seqs()).toEqual(range(0, 11));
  });

  it('with the receiver down too gives up the oldest steps, counts them, and keeps start and end', async () => {
    const journalDir = temporaryFolder();
    const hardDisk = disk();
    hardDisk.full = true;
    const receiver = new MemoryReceiver();
    receiver.answer = () => unavailable;
    const { run, troubles } = await startTestRun({
      journalDir,
      journalFs: hardDisk.fs,
      exporter: receiver,
      memoryRecords: 100,
    });
    for (let i = 0; i < 400; i++) {
      run.step({ a: i });
      if (i % 20 === 19) await run.flush();
    }
    const { dropped } = run.stats();
    expect(dropped).toBeGreaterThan(250);
    expect(troubles.join()).toContain('Steps are given up');
    receiver.answer = () => ({ ok: true });
    await run.finish();
    expect(receiver.records[0]?.eventName).toBe('llm.run.start');
    expect(receiver.records.at(-1)?.eventName).toBe('llm.run.end');
    expect(receiver.records.length + run.stats().dropped).toBe(402);
    expect(run.stats().pending).toBe(0);
  });

  it('starts even where the folder cannot be made', async () => {
    const file = join(temporaryFolder(), 'file');
    fs.writeFileSync(file, '');
    const { run, receiver, troubles } = await startTestRun({ journalDir: join(file, 'journal') });
    run.step({ a: 1 });
    await run.finish();
    expect(receiver.seqs()).toEqual([0, 1, 2]);
    expect(troubles).toEqual([expect.stringContaining('cannot be written')]);
  });
});

describe('a run whose receiver is away for long', () => {
  it('lets memory go, and reads back from the journal what the receiver has missed', async () => {
    const journalDir = temporaryFolder();
    const receiver = new MemoryReceiver();
    receiver.answer = () => unavailable;
    const { run } = await startTestRun({
      journalDir,
      exporter: receiver,
      memoryRecords: 50,
      segmentBytes: 4000,
      compress: 'gzip',
    });
    for (let i = 0; i < 500; i++) {
      run.step({ 'train/loss': i });
      if (i % 40 === 0) await run.flush();
    }
    expect(run.stats()).toMatchObject({ delivered: 0, dropped: 0 });
    receiver.answer = () => ({ ok: true });
    expect(await run.finish()).toMatchObject({ state: 'delivered' });
    expect(receiver.seqs()).toEqual(range(0, 501));
    expect(
      receiver.named('llm.training.step').map(({ body }) => (body as Record<string, number>)['train/loss']),
    ).toEqual(range(0, 499));
    const files = fs.readdirSync(rankFolder(journalDir, run.id, 0));
    expect(files.filter((name) => name.endsWith('.jsonl'))).toEqual([]);
    expect(files.filter((name) => name.endsWith('.jsonl.gz')).length).toBeGreaterThan(3);
    expect(await journaled(journalDir, run.id)).toEqual(range(0, 501));
  });
});

describe('a loop that never yields', () => {
  it('has its records in the journal after each flush interval', async () => {
    const journalDir = temporaryFolder();
    const clock = new ManualClock();
    const { run } = await startTestRun({ journalDir, clock, flushInterval: 1000 });
    for (let i = 0; i < 10; i++) {
      clock.now += 400;
      run.step({ a: i });
      expect(run.stats().recorded - run.stats().journaled).toBeLessThan(3);
    }
    expect(run.stats().journaled).toBeGreaterThan(8);
    await run.finish();
  });

  it('writes early when very many records wait', async () => {
    const { run } = await startTestRun({ journalDir: temporaryFolder(), clock: new ManualClock() });
    for (let i = 0; i < 9000; i++) run.step({ a: i });
    expect(run.stats().journaled).toBeGreaterThan(8000);
    await run.finish();
  });
});
