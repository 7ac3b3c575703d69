import { expect, test } from 'vitest';
import type { StoreChange } from '../../../src/hub/store/index.ts';
import { opened } from './opened.ts';
import { gauge, put, runEvents, spans, step, T0 } from './requests.ts';

const everything = { where: {}, from: -Infinity, to: Infinity, maxPoints: 0 };

test('the cursor is known before the first change, and what comes after it is told', async () => {
  const store = opened();
  const before = store.cursor();
  expect(await store.stepsSince(before, 10)).toEqual({ cursor: before, truncated: false, points: [] });
  await put(store, runEvents({ id: 'a' }, [step(0, 7)]));
  expect(await store.stepsSince(before, 10)).toMatchObject({
    cursor: store.cursor(),
    points: [{ run: 'a', value: [7] }],
  });
});

test('a listener hears of many appends in one call, with what changed', async () => {
  const store = opened();
  const heard = Promise.withResolvers<StoreChange>();
  let calls = 0;
  store.onChange((change) => {
    calls++;
    heard.resolve(change);
  });
  await Promise.all([
    put(store, gauge('m', [{ time: T0, value: 1 }])),
    put(store, runEvents({ id: 'a' }, [step(0, 1)])),
    put(store, runEvents({ id: 'b' }, [step(0, 1)])),
    put(store, spans([{ traceId: 'aa'.repeat(16), spanId: '1'.repeat(16) }])),
  ]);
  expect(await heard.promise).toMatchObject({ runs: ['a', 'b'], metrics: true, traces: true });
  expect(calls).toBe(1);
});

test('a listener that stopped hears nothing, one that throws disturbs no other', async () => {
  const messages: string[] = [];
  const store = opened({ log: (_, message) => messages.push(message) });
  const heard = Promise.withResolvers<StoreChange>();
  const stopped: StoreChange[] = [];
  store.onChange((change) => stopped.push(change))();
  store.onChange(() => {
    throw new Error('a bug of a listener');
  });
  store.onChange(heard.resolve);
  await put(store, gauge('m', [{ time: T0, value: 1 }]));
  await heard.promise;
  expect(stopped).toEqual([]);
  expect(messages.join()).toMatch(/a bug of a listener/);
});

test('new steps since a cursor come once each, in parts when asked, and not after the ring has moved on', async () => {
  const store = opened();
  const heard = Promise.withResolvers<StoreChange>();
  await put(store, runEvents({ id: 'a' }, [step(0, 0)]));
  store.onChange(heard.resolve);
  await put(store, runEvents({ id: 'a' }, [step(1, 10), step(2, NaN), step(3, 30)]));
  const { cursor } = await heard.promise;
  const before = cursor - 3;
  expect(await store.stepsSince(before, 100)).toEqual({
    cursor,
    truncated: false,
    points: [
      {
        run: 'a',
        key: 'train/loss',
        rank: 0,
        step: [1, 2, 3],
        time: [1000, 2000, 3000].map((t) => T0 + t),
        value: [10, NaN, 30],
      },
    ],
  });
  const first = await store.stepsSince(before, 2);
  expect(first).toMatchObject({ truncated: true, points: [{ step: [1, 2] }] });
  expect(await store.stepsSince(first!.cursor, 2)).toMatchObject({
    truncated: false,
    points: [{ step: [3] }],
  });
  expect(await store.stepsSince(cursor, 2)).toEqual({ cursor, truncated: false, points: [] });
  expect(await store.stepsSince(0, 2)).toBeUndefined();
  expect(await store.stepsSince(cursor + 1, 2)).toBeUndefined();
  await put(
    store,
    runEvents(
      { id: 'a' },
      Array.from({ length: 17_000 }, (_, i) => step(4 + i, i)),
    ),
  );
  expect(await store.stepsSince(before, 2)).toBeUndefined();
});

test('reads while requests and sealings go on see every acknowledged point, once', async () => {
  const store = opened({ sealPoints: 200 });
  let acknowledged = 0;
  const writes = (async () => {
    for (let n = 0; n < 300; n++) {
      const points = [0, 1, 2].map((s) => ({ time: T0 + n, value: n, attributes: { s } }));
      await Promise.all([put(store, gauge('m', points)), put(store, runEvents({ id: 'a' }, [step(n, n)]))]);
      acknowledged = n + 1;
    }
  })();
  let reads = 0;
  const reader = (async () => {
    for (let done = false; !done; reads++) {
      done = acknowledged === 300;
      const known = acknowledged;
      const [series, steps] = await Promise.all([
        store.points({ name: 'm', ...everything }),
        store.series({ run: 'a', key: 'train/loss', x: 'step', maxPoints: 0 }),
      ]);
      for (const { value } of series) {
        expect(value.length).toBeGreaterThanOrEqual(known);
        expect([...value]).toEqual(Array.from({ length: value.length }, (_, n) => n));
      }
      if (known > 0) {
        expect(series.length).toBe(3);
        expect(steps!.step.length).toBeGreaterThanOrEqual(known);
        expect(steps!.step).toEqual(Array.from({ length: steps!.step.length }, (_, n) => n));
      }
    }
  })();
  await Promise.all([writes, reader]);
  expect(reads).toBeGreaterThan(1);
});

test('a read that meets a sealing on its way sees each point once', async () => {
  const store = opened();
  await put(
    store,
    runEvents(
      { id: 'a' },
      [0, 1, 2].map((n) => step(n, n)),
    ),
  );
  // The first read has to wait for its worker to start; the sealing is through before.
  const read = store.series({ run: 'a', key: 'train/loss', x: 'step', maxPoints: 0 });
  await store.seal();
  expect((await read)?.step).toEqual([0, 1, 2]);
});

test('appends that are under way when the store closes are finished first; later ones are refused', async () => {
  const store = opened();
  const last = put(store, gauge('m', [{ time: T0, value: 1 }]));
  const closed = store.close();
  await expect(put(store, gauge('m', [{ time: T0 + 1, value: 1 }]))).rejects.toMatchObject({
    retryable: true,
  });
  await last;
  await closed;
  const again = opened({ dataDir: store.directory });
  expect((await again.points({ name: 'm', ...everything }))[0]?.total).toBe(1);
  expect(again.stats().unsealedBytes).toBe(0);
});
