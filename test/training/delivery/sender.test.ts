import { describe, expect, it } from 'vitest';
import type { DeliveryOutcome, EventRecord } from '../../../src/telemetry/index.ts';
import { delayMs } from '../../../src/training/delivery/back-off.ts';
import { Sender, type SenderOptions } from '../../../src/training/delivery/sender.ts';
import type { RecordSource } from '../../../src/training/delivery/source.ts';
import type { Acknowledged } from '../../../src/training/journal/cursor.ts';
import { MemoryReceiver, noBackOff, refused, unauthorized, unavailable } from '../receiver.ts';

const record = (seq: number): EventRecord => ({
  eventName: 'llm.training.step',
  time: seq,
  body: {},
  attributes: { 'llm.run.seq': seq },
  resource: {},
});
/** Records 0 to `count` - 1. */
const sourceOf = (count: number): RecordSource => ({
  after(seq, limit) {
    const first = seq + 1;
    const size = Math.min(limit.records, count - first);
    if (size <= 0) return Promise.resolve(undefined);
    return Promise.resolve({
      records: Array.from({ length: size }, (_, index) => record(first + index)),
      lastSeq: first + size - 1,
    });
  },
});
function sender(count: number, options: Partial<SenderOptions> = {}) {
  const receiver = new MemoryReceiver();
  const troubles: string[] = [];
  const kept: Acknowledged[] = [];
  const made = new Sender({
    exporter: receiver,
    source: sourceOf(count),
    acknowledged: { seq: -1, refused: [] },
    limit: { records: 100, bytes: 1e6 },
    backOff: noBackOff,
    onTrouble: (message) => troubles.push(message),
    onProgress: ({ seq, refused }) => kept.push({ seq, refused: [...refused] }),
    ...options,
  });
  return { sender: made, receiver, troubles, kept };
}
const drain = { milliseconds: 10_000, patience: 3 };
const has = (records: readonly EventRecord[], seqs: readonly number[]): boolean =>
  records.some(({ attributes }) => seqs.includes(attributes['llm.run.seq'] as number));
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a sender', () => {
  it('sends everything in order, one request at a time', async () => {
    const { sender: made, receiver } = sender(950);
    const [state] = await Promise.all([made.drain(drain), made.drain(drain)]);
    expect(receiver.seqs()).toEqual(range(0, 949));
    expect(receiver.mostInFlight).toBe(1);
    expect(state).toMatchObject({ state: 'delivered', acknowledged: 949, delivered: 950, refused: 0 });
  });

  it('moves on only when a request was accepted', async () => {
    const { sender: made, receiver, kept } = sender(300);
    let failures = 2;
    receiver.answer = (records) => (has(records, [150]) && failures-- > 0 ? unavailable : { ok: true });
    await made.drain(drain);
    expect(receiver.seqs()).toEqual(range(0, 299));
    expect(kept.map(({ seq }) => seq)).toEqual([99, 199, 299]);
  });

  it('gives up a receiver that stays away after the failures it was told, and keeps everything', async () => {
    const { sender: made, receiver, troubles } = sender(10);
    receiver.answer = () => unavailable;
    const state = await made.drain({ milliseconds: 10_000, patience: 2 });
    made.stop();
    expect(receiver.requests).toEqual([10, 10, 10]);
    expect(state).toMatchObject({ state: 'unavailable', acknowledged: -1, lastError: 'it is down' });
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toContain(receiver.url);
  });

  it.each([0, 1, 57, 99, 100, 249])(
    'sets aside record %i when it alone is bad, and delivers all others once',
    async (bad) => {
      const { sender: made, receiver, kept, troubles } = sender(250);
      receiver.answer = (records) => (has(records, [bad]) ? refused : { ok: true });
      const state = await made.drain(drain);
      expect(receiver.seqs()).toEqual(range(0, 249).filter((seq) => seq !== bad));
      expect(state).toMatchObject({ state: 'delivered', acknowledged: 249, refused: 1, delivered: 249 });
      expect(kept.at(-1)).toEqual({ seq: 249, refused: [bad] });
      expect(troubles.join()).toContain(`refused record ${bad} for good`);
    },
  );

  it('gives nothing up to a receiver that refuses everything, and says what may be wrong', async () => {
    const { sender: made, receiver, troubles } = sender(250);
    receiver.answer = () => refused;
    const state = await made.drain({ milliseconds: 10_000, patience: 1 });
    made.stop();
    expect(state).toMatchObject({ state: 'refusing', acknowledged: -1, refused: 0 });
    expect(troubles.join()).toContain('is it an OTLP receiver');
    receiver.answer = () => ({ ok: true });
    const later = sender(250, { acknowledged: made.acknowledged(), exporter: receiver });
    await later.sender.drain(drain);
    expect(receiver.seqs()).toEqual(range(0, 249));
  });

  it('does not take the word of a receiver that has never accepted anything against a single record', async () => {
    const { sender: made, receiver } = sender(1);
    receiver.answer = () => refused;
    expect(await made.drain(drain)).toMatchObject({ acknowledged: -1, refused: 0 });
    receiver.answer = () => ({ ok: true });
    expect(await made.drain(drain)).toMatchObject({ acknowledged: 0, delivered: 1 });
  });

  it('keeps everything for a receiver that wants other credentials, and tells it once', async () => {
    const { sender: made, receiver, troubles } = sender(5);
    receiver.answer = () => unauthorized;
    const state = await made.drain(drain);
    made.stop();
    expect(state).toMatchObject({ state: 'unauthorized', acknowledged: -1 });
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toContain('OTEL_EXPORTER_OTLP_HEADERS');
  });

  it('is not held up by an exporter that never settles or throws', async () => {
    const hanging = sender(5, { exportTimeoutMs: 5 });
    let calls = 0;
    hanging.receiver.answer = () => {
      calls++;
      if (calls === 1) return new Promise<DeliveryOutcome>(() => {});
      if (calls === 2) throw new Error('broken');
      return { ok: true };
    };
    const state = await hanging.sender.drain(drain);
    expect(state).toMatchObject({ state: 'delivered', acknowledged: 4 });
  });

  it('comes back by itself after a failure', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { sender: made, receiver } = sender(5, { onProgress: () => resolve() });
    let failures = 1;
    receiver.answer = () => (failures-- > 0 ? unavailable : { ok: true });
    made.kick();
    await promise;
    expect(receiver.seqs()).toEqual(range(0, 4));
  });
});

describe('the wait after a failure', () => {
  const full = { firstMs: 500, maxMs: 30_000, random: () => 1 };
  it('doubles up to its bound, with full jitter', () => {
    expect([1, 2, 3, 6, 7, 50].map((failures) => delayMs(full, failures))).toEqual([
      500, 1000, 2000, 16_000, 30_000, 30_000,
    ]);
    expect(delayMs({ ...full, random: () => 0 }, 5)).toBe(0);
  });
  it('is never shorter than what the receiver asked for, within reason', () => {
    expect(delayMs({ ...full, random: () => 0 }, 1, 5000)).toBe(5000);
    expect(delayMs({ ...full, random: () => 0 }, 1, 1e12)).toBe(15 * 60_000);
  });
});
