import { describe, expect, it } from 'vitest';
import { rankFolder } from '../../src/training/journal/folder.ts';
import { readJournal, type Run } from '../../src/training/index.ts';
import { MemoryReceiver, unavailable } from './receiver.ts';
import { startTestRun } from './starting.ts';
import { temporaryFolder } from './temporary.ts';

const steps = (receiver: MemoryReceiver) =>
  receiver.named('llm.training.step').map(({ attributes, body }) => ({
    step: attributes['llm.training.step'],
    tokens: (body as Record<string, number>)['train/tokens'],
  }));

describe('a resumed run', () => {
  it('goes on counting records, steps and tokens, with a higher attempt', async () => {
    const journalDir = temporaryFolder();
    const receiver = new MemoryReceiver();
    const first = await startTestRun({ journalDir, exporter: receiver, name: 'n' });
    for (let i = 0; i < 3; i++) first.run.step({ a: i }, { tokens: 10 });
    await first.run.finish('killed');
    const second = await startTestRun({ journalDir, exporter: receiver, resume: first.run.id });
    second.run.step({ a: 3 }, { tokens: 10 });
    await second.run.finish();
    expect(second.run).toMatchObject({ id: first.run.id, name: 'n', attempt: 2 });
    expect(receiver.seqs()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(receiver.records.map(({ resource }) => resource['llm.run.attempt'])).toEqual([
      1, 1, 1, 1, 1, 2, 2, 2,
    ]);
    expect(steps(receiver)).toEqual([
      { step: 0, tokens: 10 },
      { step: 1, tokens: 20 },
      { step: 2, tokens: 30 },
      { step: 3, tokens: 40 },
    ]);
  });

  it('first delivers what the earlier attempt could not', async () => {
    const journalDir = temporaryFolder();
    const down = new MemoryReceiver();
    down.answer = () => unavailable;
    const first = await startTestRun({ journalDir, exporter: down });
    first.run.step({ a: 1 });
    await first.run.finish();
    expect(first.run.stats()).toMatchObject({ delivered: 0, pending: 3, delivery: 'unavailable' });
    // the process of the first attempt ends: its lock goes with it
    down.answer = () => ({ ok: true });
    await first.run.flush();
    down.records.length = 0;
    const up = new MemoryReceiver('http://another.test/v1/logs');
    const second = await startTestRun({ journalDir, exporter: up, resume: first.run.id });
    await second.run.finish();
    expect(up.seqs()).toEqual([0, 1, 2, 3, 4]);
  });

  it('is the newest one of its project and name when asked for any', async () => {
    const journalDir = temporaryFolder();
    const ended = async (name: string, project: string): Promise<Run> => {
      const { run } = await startTestRun({ journalDir, name, project });
      await run.finish();
      return run;
    };
    const wanted = await ended('a', 'p');
    await ended('b', 'p');
    await ended('a', 'q');
    const { run } = await startTestRun({ journalDir, project: 'p', name: 'a', resume: true });
    expect(run).toMatchObject({ id: wanted.id, attempt: 2 });
    await run.finish();
    const fresh = await startTestRun({ journalDir, project: 'nobody', resume: true });
    expect(fresh.run.attempt).toBe(1);
    await fresh.run.finish();
  });

  it('gets another id where its journal is missing, so that no new record is taken for an old one', async () => {
    const { run, troubles, receiver } = await startTestRun({ journalDir: temporaryFolder(), resume: 'gone' });
    expect(run.id).not.toBe('gone');
    expect(troubles.join()).toContain('Run gone cannot be resumed');
    await run.finish();
    expect(receiver.records[0]?.attributes['llm.run.tags']).toEqual({ resumed_from: 'gone' });
  });

  it('is recorded under another id while a live process writes it', async () => {
    const journalDir = temporaryFolder();
    const first = await startTestRun({ journalDir, id: 'same' });
    const second = await startTestRun({ journalDir, id: 'same' });
    expect(second.run.id).not.toBe('same');
    expect(second.troubles.join()).toContain('is being written by another process');
    await Promise.all([first.run.finish(), second.run.finish()]);
  });
});

describe('the ranks of a job', () => {
  it('are one run, each with its own sequence', async () => {
    const journalDir = temporaryFolder();
    const receiver = new MemoryReceiver();
    const start = (rank: number) =>
      startTestRun({
        journalDir,
        exporter: receiver,
        env: { OTEL_SDK_DISABLED: 'true', SLURM_JOB_ID: '77', SLURM_PROCID: String(rank), SLURM_NTASKS: '2' },
      });
    // two processes on a cluster; here the second run of one process would be another run
    const zero = await start(0);
    const one = await startTestRun({
      journalDir,
      exporter: receiver,
      id: zero.run.id,
      rank: 1,
      worldSize: 2,
    });
    for (let i = 0; i < 3; i++) {
      zero.run.step({ 'train/loss': i });
      one.run.step({ 'train/loss': -i });
    }
    await Promise.all([zero.run.finish(), one.run.finish()]);
    for (const rank of [0, 1]) {
      const own = receiver.records.filter(({ resource }) => resource['llm.rank'] === rank);
      expect(own.map(({ attributes }) => attributes['llm.run.seq'])).toEqual([0, 1, 2, 3, 4]);
      expect(own[0]?.resource).toMatchObject({ 'llm.run.id': zero.run.id, 'llm.world_size': 2 });
      const stored = [];
      for await (const { record } of readJournal(rankFolder(journalDir, zero.run.id, rank)))
        stored.push(record.seq);
      expect(stored).toEqual([0, 1, 2, 3, 4]);
    }
  });

  it('are told when nothing gives them a shared id', async () => {
    const { run, troubles } = await startTestRun({ journalDir: temporaryFolder(), rank: 1, worldSize: 4 });
    expect(troubles.join()).toContain('LLM_OTEL_RUN_ID');
    await run.finish();
  });
});
