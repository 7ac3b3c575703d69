import { expect, test } from 'vitest';
import { opened } from './opened.ts';
import { gauge, logs, put, runEvents, spans, step, T0 } from './requests.ts';

const DAY = 86_400_000;
const everything = { where: {}, from: -Infinity, to: Infinity, maxPoints: 0 };
const end = { event: 'llm.run.end', seq: 9, time: T0 + 1, attributes: { 'llm.run.status': 'finished' } };

test('what is older than the retention goes: points, traces, events, runs; the newer stays', async () => {
  const clock = { now: T0 };
  const store = opened({ now: () => clock.now, retentionMs: DAY });
  await put(store, gauge('old', [{ time: T0, value: 1 }]));
  await put(store, gauge('m', [{ time: T0, value: 1 }]));
  await put(store, spans([{ traceId: 'aa'.repeat(16), spanId: '1'.repeat(16), start: T0 }]));
  await put(store, logs([{ body: 'old', time: T0 }]));
  await put(store, runEvents({ id: 'old' }, [{ ...step(0, 1), time: T0 }, end]));
  await store.seal();
  clock.now = T0 + 2 * DAY;
  await put(store, gauge('m', [{ time: clock.now, value: 2 }]));
  await put(store, spans([{ traceId: 'bb'.repeat(16), spanId: '1'.repeat(16), start: clock.now }]));
  await put(store, runEvents({ id: 'new' }, [{ ...step(0, 1), time: clock.now }]));
  await store.retain();
  expect(await store.points({ name: 'old', ...everything })).toEqual([]);
  expect((await store.points({ name: 'm', ...everything })).map(({ value }) => [...value])).toEqual([[2]]);
  expect((await store.traces({ limit: 9 })).traces.map(({ traceId }) => traceId)).toEqual(['bb'.repeat(16)]);
  expect(await store.trace('aa'.repeat(16))).toEqual([]);
  expect((await store.runs({})).runs.map(({ id }) => id)).toEqual(['new']);
  expect(await store.series({ run: 'old', key: 'train/loss', x: 'step', maxPoints: 0 })).toBeUndefined();
  expect(store.stats().series).toBe(1);
  // A series that was dropped begins anew.
  await put(store, gauge('old', [{ time: clock.now + 1, value: 3 }]));
  expect((await store.points({ name: 'old', ...everything })).map(({ value }) => [...value])).toEqual([[3]]);
});

test('a store larger than its limit drops the oldest and its file shrinks', async () => {
  const limit = 600_000;
  const messages: string[] = [];
  const store = opened({
    maxBytes: limit,
    now: () => T0 + 100_000,
    log: (_, message) => messages.push(message),
  });
  let random = 1;
  for (let n = 0; n < 100; n++) {
    const points = Array.from({ length: 1000 }, (_, i) => {
      random = (random * 48_271) % 2_147_483_647;
      return { time: T0 + n * 1000 + i, value: random / 7 };
    });
    await put(store, gauge('m', points));
  }
  await store.seal();
  await store.retain();
  await store.close();
  const again = opened({ dataDir: store.directory });
  expect(again.stats().bytesOnDisk).toBeLessThan(limit);
  const [series] = await again.points({ name: 'm', ...everything });
  expect(series!.time.at(-1)).toBe(T0 + 99_999);
  expect(series!.time[0]).toBeGreaterThan(T0);
  // Whole chunks from the old end: nothing is missing in what is left.
  expect(series!.time.length).toBe(T0 + 99_999 - series!.time[0]! + 1);
  expect(messages.join()).toMatch(/larger than 600000 bytes/);
});
