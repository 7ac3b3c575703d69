import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { AnswerTooLargeError } from '../../../src/hub/store/answer-too-large-error.ts';
import { readPoints } from '../../../src/hub/store/read/read-metrics.ts';
import { ReadDatabase } from '../../../src/hub/store/read/sql.ts';
import { encodeAttributes } from '../../../src/otlp/index.ts';
import { opened, temporaryDirectory } from './opened.ts';
import { gauge, metrics, put, RESOURCE, T0 } from './requests.ts';

const everything = { where: {}, from: -Infinity, to: Infinity, maxPoints: 0 };

test('attributes in another order are the same series, another resource is another one', async () => {
  const store = opened();
  await put(store, gauge('m', [{ time: T0, value: 1, attributes: { a: 1, b: 'x' } }]));
  await put(store, gauge('m', [{ time: T0 + 1, value: 2, attributes: { b: 'x', a: 1 } }]));
  await put(
    store,
    gauge('m', [{ time: T0, value: 3, attributes: { a: 1, b: 'x' } }], { 'service.name': 'other' }),
  );
  expect((await store.points({ name: 'm', ...everything })).map(({ value }) => [...value])).toEqual([
    [1, 2],
    [3],
  ]);
  const where = { 'service.name': 'svc', a: '1' };
  expect((await store.points({ ...everything, name: 'm', where })).length).toBe(1);
  expect(store.stats().series).toBe(2);
});

test('a series says since when its resource is known, by any of its metrics, sealed or not', async () => {
  const dataDir = temporaryDirectory();
  const store = opened({ dataDir });
  const since = async (from: typeof store) =>
    (await from.points({ name: 'late', ...everything })).map(({ resourceSince }) => resourceSince);
  await put(store, gauge('early', [{ time: T0, value: 1 }]));
  await put(store, gauge('early', [{ time: T0 - 5, value: 1 }], { 'service.name': 'other' }));
  await put(store, gauge('late', [{ time: T0 + 60_000, value: 1 }]));
  expect(await since(store)).toEqual([T0]);
  await store.seal();
  await put(store, gauge('late', [{ time: T0 + 70_000, value: 1 }]));
  expect(await since(store)).toEqual([T0]);
  await store.close();
  expect(await since(opened({ dataDir }))).toEqual([T0]);
});

test('of two values at one time the first is kept and the second counted, sealed or not', async () => {
  const store = opened();
  await put(
    store,
    gauge('m', [
      { time: T0, value: 1 },
      { time: T0, value: 2 },
    ]),
  );
  await put(store, gauge('m', [{ time: T0 + 5, value: 5 }]));
  await store.seal();
  await put(
    store,
    gauge('m', [
      { time: T0, value: 3 },
      { time: T0 + 2, value: 2 },
    ]),
  );
  const [series] = await store.points({ name: 'm', ...everything });
  expect([...series!.value]).toEqual([1, 2, 5]);
  expect(store.stats().duplicates.points).toBe(2);
});

test('a point that says "no recorded value" stores nothing', async () => {
  const store = opened();
  await put(
    store,
    gauge('m', [
      { time: T0, value: 0, flags: 1 },
      { time: T0 + 1, value: 2 },
    ]),
  );
  const [series] = await store.points({ name: 'm', ...everything });
  expect([...series!.time]).toEqual([T0 + 1]);
});

test('histograms keep bounds, counts, sum, minimum and maximum, with the point before the window first', async () => {
  const store = opened();
  for (let n = 0; n < 5; n++) {
    await put(
      store,
      metrics([
        {
          kind: 'histogram',
          name: 'h',
          description: '',
          unit: 's',
          temporality: 'cumulative',
          points: [
            {
              attributes: encodeAttributes({ route: '/' }),
              startTime: T0,
              time: T0 + n,
              count: n * 3,
              sum: n * 1.5,
              min: n === 0 ? undefined : 0.1,
              max: undefined,
              bounds: [0.5, 1],
              counts: [n, n, n],
              flags: 0,
            },
          ],
        },
      ]),
    );
    if (n === 2) await store.seal();
  }
  const [series] = await store.histograms({ name: 'h', where: { route: '/' }, from: T0 + 3, to: T0 + 9 });
  expect(series).toMatchObject({ kind: 'histogram', temporality: 'cumulative', unit: 's' });
  expect(series!.points).toEqual(
    [2, 3, 4].map((n) => ({
      start: T0,
      time: T0 + n,
      count: n * 3,
      sum: n * 1.5,
      min: 0.1,
      max: undefined,
      bounds: [0.5, 1],
      counts: [n, n, n],
    })),
  );
});

test('instruments are listed with their kind, unit, number of series and when they were last seen', async () => {
  const store = opened();
  await put(
    store,
    gauge('b', [
      { time: T0, value: 1, attributes: { s: 1 } },
      { time: T0 + 9, value: 1, attributes: { s: 2 } },
    ]),
  );
  await put(store, gauge('a', [{ time: T0, value: 1 }]));
  const listed = await store.instruments();
  expect(listed.map(({ name, series, lastSeen }) => [name, series, lastSeen])).toEqual([
    ['a', 1, T0],
    ['b', 2, T0 + 9],
  ]);
  expect(listed[0]).toMatchObject({
    kind: 'gauge',
    unit: '1',
    description: 'help',
    temporality: null,
    monotonic: false,
  });
  await store.close();
  expect(await opened({ dataDir: store.directory }).instruments()).toEqual(listed);
});

test('a series beyond the limit is refused in plain words and the rest of the request is kept', async () => {
  const store = opened({ maxSeries: 2 });
  const many = [0, 1, 2, 3].map((s) => ({ time: T0, value: s, attributes: { s } }));
  const { rejected, message } = await put(store, gauge('m', many));
  expect(rejected).toBe(2);
  expect(message).toMatch(/limit of 2 series/);
  expect((await store.points({ name: 'm', ...everything })).length).toBe(2);
  // Known series go on.
  expect(await put(store, gauge('m', [{ time: T0 + 1, value: 1, attributes: { s: 1 } }]))).toEqual({
    rejected: 0,
    message: '',
  });
  expect(Object.values(store.stats().rejected)).toEqual([2]);
});

test('a point with too many or too long attributes is refused', async () => {
  const store = opened();
  const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, 1]));
  expect(await put(store, gauge('m', [{ time: T0, value: 1, attributes: many }]))).toMatchObject({
    rejected: 1,
  });
  const long = { k: 'x'.repeat(20_000) };
  expect(await put(store, gauge('m', [{ time: T0, value: 1, attributes: long }]))).toMatchObject({
    rejected: 1,
    message: expect.stringMatching(/16384 bytes/) as string,
  });
});

test('a slow series gets whole chunks: small ones are joined when more is sealed', async () => {
  const store = opened();
  for (let n = 0; n < 20; n++) {
    await put(store, gauge('m', [{ time: T0 + n * 7 + (n % 3), value: n }], RESOURCE));
    await store.seal();
  }
  const [series] = await store.points({ name: 'm', ...everything });
  expect([...series!.value]).toEqual(Array.from({ length: 20 }, (_, n) => n));
  const database = new DatabaseSync(join(store.directory, 'hub.db'), { readOnly: true });
  expect(database.prepare('SELECT count(*) AS n FROM chunk').get()).toEqual({ n: 1 });
  database.close();
});

test('an answer of more points than fit is refused in words, and the store lives on', async () => {
  const file = join(temporaryDirectory(), 'hub.db');
  const store = opened({ dataDir: dirname(file) });
  const points = Array.from({ length: 100 }, (_, i) => ({
    time: T0 + i,
    value: i,
    attributes: { k: i % 2 },
  }));
  await put(store, gauge('m', points));
  await store.close();
  const db = new ReadDatabase(new DatabaseSync(file, { readOnly: true }));
  const query = { name: 'm', ...everything };
  expect(() => readPoints(db, query, [], 99)).toThrow(AnswerTooLargeError);
  expect(() => readPoints(db, query, [], 99)).toThrow(/m has more than 99 points .* fewer series/);
  expect(readPoints(db, { ...query, maxPoints: 40 }, [], 99)).toHaveLength(2);
  expect(readPoints(db, query, [], 100)).toHaveLength(2);
  db.database.close();
});
