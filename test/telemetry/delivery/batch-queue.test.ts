import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatchQueue, type BatchQueueOptions } from '../../../src/telemetry/delivery/batch-queue.ts';
import type { DeliveryOutcome } from '../../../src/telemetry/event-exporter.ts';

const OK: DeliveryOutcome = { ok: true };
const GONE: DeliveryOutcome = { ok: false, kind: 'unavailable', message: 'gone', code: 'ECONNREFUSED' };
const BUSY: DeliveryOutcome = { ok: false, kind: 'unavailable', message: 'busy', status: 503 };

/** A receiver that answers as it is told, and a queue to it. */
function setUp(options: Partial<BatchQueueOptions<number>> = {}) {
  const sent: number[][] = [];
  const dropped: [string, number[]][] = [];
  const answers: DeliveryOutcome[] = [];
  const queue = new BatchQueue<number>({
    maxQueueSize: 10,
    maxBatchSize: 4,
    delayMs: 1000,
    send: (batch) => {
      sent.push([...batch]);
      return Promise.resolve(answers.shift() ?? OK);
    },
    drop: (reason, items) => dropped.push([reason, [...items]]),
    random: () => 0.5,
    ...options,
  });
  const add = (from: number, to: number) => {
    for (let i = from; i <= to; i++) queue.add(i);
  };
  return { sent, dropped, answers, queue, add };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('BatchQueue', () => {
  it('sends a full batch at once and a partial one after the delay', async () => {
    const { sent, queue, add } = setUp();
    add(1, 5);
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual([[1, 2, 3, 4]]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent).toEqual([[1, 2, 3, 4], [5]]);
    expect(queue.size).toBe(0);
  });

  it('keeps a batch through an outage and sends it first when the receiver is back', async () => {
    const { sent, dropped, answers, queue, add } = setUp();
    answers.push(GONE, GONE);
    add(1, 4);
    await vi.advanceTimersByTimeAsync(0);
    add(5, 6);
    await vi.advanceTimersByTimeAsync(1000); // first back-off
    expect(queue.size).toBe(6);
    await vi.advanceTimersByTimeAsync(3000); // second back-off, then the rest
    expect(sent).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
      [1, 2, 3, 4],
      [5, 6],
    ]);
    expect(dropped).toEqual([]);
  });

  it('waits as long as the receiver asks', async () => {
    const { sent, answers, add } = setUp();
    answers.push({ ...BUSY, retryAfterMs: 20_000 });
    add(1, 4);
    await vi.advanceTimersByTimeAsync(19_999);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toHaveLength(2);
  });

  it('drops new items when it is full, and counts each', async () => {
    const { dropped, answers, queue, add } = setUp();
    answers.push(GONE);
    add(1, 12);
    await vi.advanceTimersByTimeAsync(0);
    expect(queue.size).toBe(10);
    expect(dropped).toEqual([
      ['queue_full', [11]],
      ['queue_full', [12]],
    ]);
  });

  it('drops the oldest instead when it is asked to, but not what is under way', async () => {
    const { sent, dropped, answers, queue, add } = setUp({ whenFull: 'oldest' });
    answers.push(GONE);
    add(1, 4);
    await vi.advanceTimersByTimeAsync(0);
    add(5, 12);
    expect(dropped).toEqual([
      ['queue_full', [5]],
      ['queue_full', [6]],
    ]);
    await vi.advanceTimersByTimeAsync(1000);
    await queue.flush();
    expect(sent.flat()).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12]);
  });

  it('gives up what is refused and goes on with the rest', async () => {
    const { sent, dropped, answers, add, queue } = setUp();
    answers.push({ ok: false, kind: 'refused', message: 'bad', status: 400 });
    add(1, 6);
    await queue.flush();
    expect(dropped).toEqual([['refused', [1, 2, 3, 4]]]);
    expect(sent).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
  });

  it('counts only the rejected part of a partial success', async () => {
    const { dropped, answers, add, queue } = setUp();
    answers.push({ ok: false, kind: 'refused', message: 'one is bad', status: 200, rejected: 1 });
    add(1, 4);
    await queue.flush();
    expect(dropped.map(([reason, items]) => [reason, items.length])).toEqual([['refused', 1]]);
    expect(queue.size).toBe(0);
  });

  it('halves a batch that is too large until it passes', async () => {
    const { sent, dropped, answers, add, queue } = setUp();
    const large: DeliveryOutcome = { ok: false, kind: 'refused', message: 'too large', status: 413 };
    answers.push(large, large);
    add(1, 4);
    await queue.flush();
    expect(sent.slice(0, 3)).toEqual([[1, 2, 3, 4], [1, 2], [1]]);
    expect(sent.slice(2).flat()).toEqual([1, 2, 3, 4]);
    expect(dropped).toEqual([]);
  });

  it('lets a flush end when nobody is there, and keeps the items', async () => {
    const { answers, queue, add } = setUp();
    answers.push(GONE);
    add(1, 3);
    await queue.flush();
    expect(queue.size).toBe(3);
    expect(queue.failing).toBe(true);
  });

  it('asks a busy receiver again while a flush waits', async () => {
    const { answers, queue, add, sent } = setUp();
    answers.push(BUSY, BUSY);
    add(1, 3);
    const flushed = queue.flush();
    await vi.advanceTimersByTimeAsync(200 + 400);
    await flushed;
    expect(sent).toHaveLength(3);
    expect(queue.size).toBe(0);
  });

  it('interrupts a long back-off for a flush', async () => {
    const { answers, queue, add, sent } = setUp();
    answers.push({ ...GONE, retryAfterMs: 3_600_000 });
    add(1, 4);
    await vi.advanceTimersByTimeAsync(0);
    await queue.flush();
    expect(sent).toHaveLength(2);
    expect(queue.size).toBe(0);
  });

  it('counts what is left when it is closed, and releases who waits', async () => {
    const { dropped, queue, add } = setUp({ send: () => new Promise(() => {}) });
    add(1, 6);
    const flushed = queue.flush();
    queue.close();
    await flushed;
    expect(dropped).toEqual([['shutdown', [1, 2, 3, 4, 5, 6]]]);
    expect(queue.size).toBe(0);
  });

  it('delivers or counts every item exactly once, whatever the receiver answers', async () => {
    const outcome = fc.constantFrom<DeliveryOutcome>(
      OK,
      GONE,
      BUSY,
      { ok: false, kind: 'refused', message: 'bad', status: 400 },
      { ok: false, kind: 'refused', message: 'too large', status: 413 },
      { ok: false, kind: 'unauthorized', message: 'no key', status: 401 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 12 }),
        fc.constantFrom<'new' | 'oldest'>('new', 'oldest'),
        async (outcomes, bursts, whenFull) => {
          const delivered: number[] = [];
          const lost: number[] = [];
          const queue = new BatchQueue<number>({
            maxQueueSize: 10,
            maxBatchSize: 4,
            delayMs: 100,
            whenFull,
            send: (batch) => {
              const next = outcomes.shift() ?? OK;
              if (next.ok) delivered.push(...batch);
              return Promise.resolve(next);
            },
            drop: (_reason, items) => lost.push(...items),
          });
          let made = 0;
          for (const burst of bursts) {
            for (let i = 0; i < burst; i++) queue.add(made++);
            expect(queue.size).toBeLessThanOrEqual(10);
            await vi.advanceTimersByTimeAsync(150);
          }
          await vi.advanceTimersByTimeAsync(3_600_000);
          await queue.flush();
          expect(queue.size).toBe(0);
          expect([...delivered, ...lost].sort((a, b) => a - b)).toEqual(
            Array.from({ length: made }, (_, i) => i),
          );
          expect(delivered).toEqual([...delivered].sort((a, b) => a - b));
        },
      ),
    );
  });
});
