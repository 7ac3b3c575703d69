import { describe, expect, it } from 'vitest';
import { NamedRecord, Outbox } from '../../../src/training/delivery/outbox.ts';

const record = (seq: number, event = 'llm.training.step') =>
  new NamedRecord({ seq, time: 0, event, attributes: {}, body: {} });
const seqs = (outbox: Outbox, after = -1): number[] => outbox.after(after, 1000, 1e9).map(({ seq }) => seq);

describe('the outbox', () => {
  it('lets go of what the journal has when it is full, oldest first, and loses nothing', () => {
    const outbox = new Outbox(3);
    outbox.push([0, 1, 2, 3, 4].map((seq) => record(seq)));
    outbox.written();
    expect(outbox.trim()).toBe(0);
    expect(seqs(outbox)).toEqual([2, 3, 4]);
    outbox.push([record(5)]);
    expect(outbox.unwritten().map(({ seq }) => seq)).toEqual([5]);
    outbox.trim();
    expect(seqs(outbox)).toEqual([3, 4, 5]);
  });

  it('gives up the oldest steps, and nothing but steps, when the journal does not take them', () => {
    const outbox = new Outbox(8);
    outbox.push([record(0, 'llm.run.start'), ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((seq) => record(seq))]);
    expect(outbox.trim()).toBe(1);
    expect(outbox.lost).toBe(1);
    expect(seqs(outbox)).toEqual([0, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(outbox.unwritten()).toHaveLength(9);
  });

  it('forgets what was accepted, over any number of records', () => {
    const outbox = new Outbox(10_000);
    for (let seq = 0; seq < 5000; seq++) outbox.push([record(seq)]);
    outbox.written();
    outbox.push([record(5000), record(5001)]);
    outbox.accepted(4998);
    expect(seqs(outbox)).toEqual([4999, 5000, 5001]);
    expect(outbox.unwritten().map(({ seq }) => seq)).toEqual([5000, 5001]);
    outbox.accepted(5001);
    expect(outbox.firstSeq).toBeUndefined();
    expect(outbox.unwritten().map(({ seq }) => seq)).toEqual([5000, 5001]);
  });

  it('bounds a batch by records and by size, but never to nothing', () => {
    const outbox = new Outbox(10);
    outbox.push([0, 1, 2, 3].map((seq) => record(seq)));
    expect(outbox.after(0, 2, 1e9).map(({ seq }) => seq)).toEqual([1, 2]);
    expect(outbox.after(-1, 10, 1)).toHaveLength(1);
  });
});
