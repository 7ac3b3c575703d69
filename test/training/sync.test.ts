import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rankFolder } from '../../src/training/journal/folder.ts';
import { encodeRecord, type JournalRecord } from '../../src/training/journal/record.ts';
import { encodeHeader } from '../../src/training/journal/segment.ts';
import { listJournals, syncJournals } from '../../src/training/index.ts';
import { MemoryReceiver, noBackOff, unavailable } from './receiver.ts';
import { startTestRun } from './starting.ts';
import { temporaryFolder } from './temporary.ts';

const step = (seq: number): JournalRecord => ({
  seq,
  time: 1000 + seq,
  event: 'llm.training.step',
  attributes: { 'llm.training.step': seq },
  body: { 'train/loss': 1 / seq, 'train/tokens': seq * 10 },
});
const header = encodeHeader({
  run: 'left',
  rank: 0,
  attempt: 1,
  firstSeq: 0,
  time: 999,
  resource: { 'llm.run.id': 'left', 'llm.run.name': 'a name', 'llm.run.project': 'p', 'llm.run.attempt': 1 },
});

/** A journal as a killed process leaves it. */
async function leftBehind(records: number, tail = ''): Promise<string> {
  const journalDir = temporaryFolder();
  const dir = rankFolder(journalDir, 'left', 0);
  // the folder, made by a run that has ended
  const { run } = await startTestRun({ journalDir, id: 'left' });
  await run.finish();
  for (const file of readdirSync(dir)) rmSync(join(dir, file));
  let text = header;
  for (let seq = 0; seq < records; seq++) text += encodeRecord(step(seq));
  writeFileSync(join(dir, '0001-000000000000.jsonl'), text + tail);
  return journalDir;
}

describe('sync', () => {
  it('delivers a journal with a torn end, ends its run as killed, and says what was cut', async () => {
    const journalDir = await leftBehind(5, '{"seq":5,"time":1005,"ev');
    const receiver = new MemoryReceiver();
    const report = await syncJournals({ journalDir, exporter: receiver });
    expect(receiver.seqs()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(receiver.records.at(-1)).toMatchObject({
      eventName: 'llm.run.end',
      time: 1004,
      attributes: { 'llm.run.status': 'killed', 'llm.run.interrupted': true },
      resource: { 'llm.run.id': 'left', 'llm.run.attempt': 1 },
    });
    expect(report).toMatchObject({
      url: receiver.url,
      sent: 6,
      failed: 0,
      journals: [
        {
          runId: 'left',
          name: 'a name',
          state: 'delivered',
          interrupted: true,
          problems: [{ kind: 'torn' }],
        },
      ],
    });
  });

  it('lets a run go on counting after it was ended so', async () => {
    const journalDir = await leftBehind(5);
    const receiver = new MemoryReceiver();
    await syncJournals({ journalDir, exporter: receiver });
    const { run } = await startTestRun({ journalDir, exporter: receiver, resume: 'left' });
    expect(run).toMatchObject({ id: 'left', attempt: 2, name: 'a name' });
    run.step({ 'train/loss': 1 }, { tokens: 1 });
    await run.finish();
    expect(receiver.seqs()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(receiver.records.at(-2)).toMatchObject({
      attributes: { 'llm.training.step': 5 },
      body: { 'train/tokens': 41 },
    });
  });

  it('gives another receiver everything from the start, and the same one only what it lacks', async () => {
    const journalDir = await leftBehind(5);
    const first = new MemoryReceiver('http://first.test/v1/logs');
    const second = new MemoryReceiver('http://second.test/v1/logs');
    await syncJournals({ journalDir, exporter: first });
    expect((await syncJournals({ journalDir, exporter: first })).journals).toMatchObject([
      { state: 'nothing', sent: 0 },
    ]);
    expect((await syncJournals({ journalDir, exporter: second })).sent).toBe(6);
    expect((await syncJournals({ journalDir, exporter: first, all: true })).sent).toBe(6);
    expect(first.seqs()).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
  });

  it('reports a receiver that is down, and goes on where it stopped', async () => {
    const journalDir = await leftBehind(2500);
    const receiver = new MemoryReceiver();
    let requests = 0;
    receiver.answer = () => (++requests > 1 ? unavailable : { ok: true });
    const failed = await syncJournals({ journalDir, exporter: receiver, patience: 1, backOff: noBackOff });
    expect(failed).toMatchObject({
      failed: 1,
      journals: [{ state: 'failed', sent: 1000, message: 'it is down' }],
    });
    receiver.answer = () => ({ ok: true });
    const progress: number[] = [];
    const done = await syncJournals({
      journalDir,
      exporter: receiver,
      onProgress: ({ sent }) => progress.push(sent),
    });
    expect(done).toMatchObject({ failed: 0, sent: 1501 });
    expect(receiver.seqs()).toEqual(Array.from({ length: 2501 }, (_, seq) => seq));
    expect(progress).toEqual([1000, 1501]);
  });

  it('leaves runs alone that live, and takes only the one that it was told', async () => {
    const journalDir = temporaryFolder();
    const { run } = await startTestRun({ journalDir, id: 'live' });
    const ended = await startTestRun({ journalDir, id: 'ended' });
    await ended.run.finish();
    const receiver = new MemoryReceiver('http://other.test/v1/logs');
    expect((await syncJournals({ journalDir, exporter: receiver, runId: 'live' })).journals).toMatchObject([
      { runId: 'live', state: 'live', sent: 0 },
    ]);
    expect(receiver.records).toEqual([]);
    expect((await syncJournals({ journalDir, exporter: receiver })).journals).toMatchObject([
      { runId: 'ended', state: 'delivered', interrupted: false },
      { runId: 'live', state: 'live' },
    ]);
    await run.finish();
  });

  it('has nothing to do where there are no journals', async () => {
    const report = await syncJournals({
      journalDir: join(temporaryFolder(), 'none'),
      exporter: new MemoryReceiver(),
    });
    expect(report).toMatchObject({ journals: [], sent: 0, failed: 0 });
  });
});

describe('the list of journals', () => {
  it('names runs, ranks, attempts and who is alive', async () => {
    const journalDir = temporaryFolder();
    const { run } = await startTestRun({ journalDir, id: 'a/b:*', name: 'n', rank: 3, worldSize: 4 });
    const infos = [];
    for await (const info of listJournals(journalDir)) infos.push(info);
    expect(infos).toMatchObject([
      { runId: 'a/b:*', name: 'n', project: 'test', rank: 3, attempts: 1, live: true },
    ]);
    await run.finish();
  });
});
