import { expect, test } from 'vitest';
import { opened, temporaryDirectory } from './opened.ts';
import { put, runEvents, step, T0 } from './requests.ts';

const DAY = 86_400_000;
const histogram = (
  seq: number,
  name = 'gradients/a',
  body: object = { edges: [0, 0.1, 3], counts: [3n, seq] },
) => ({
  event: 'llm.training.histogram',
  seq,
  step: seq * 10,
  body: body as Record<string, never>,
  attributes: { 'llm.histogram.name': name, 'llm.training.epoch': 0.5 },
});
const all = { after: 0, limit: 1000 };

test('histograms of a run are kept as they came, each once, over a restart and over resends', async () => {
  const dataDir = temporaryDirectory();
  const store = opened({ dataDir });
  const bins = {
    edges: [-0.5, 1e-300, 3],
    counts: [0, 2.5],
    min: -0.25,
    sum: 1,
    nan: 2n,
    negative_infinity: 1,
  };
  const first = runEvents({ id: 'a' }, [step(0, 1), histogram(1), histogram(2, 'weights', bins)]);
  await put(store, first);
  await put(store, first);
  await put(store, runEvents({ id: 'a', rank: 1 }, [histogram(1)]));
  await put(store, runEvents({ id: 'b' }, [histogram(1)]));
  const expected = [
    {
      rank: 0,
      name: 'gradients/a',
      step: 10,
      epoch: 0.5,
      time: T0 + 1000,
      edges: [0, 0.1, 3],
      counts: [3, 1],
      min: null,
      max: null,
      sum: null,
      nan: 0,
      positiveInfinity: 0,
      negativeInfinity: 0,
    },
    {
      name: 'weights',
      step: 20,
      edges: bins.edges,
      counts: bins.counts,
      min: -0.25,
      max: null,
      sum: 1,
      nan: 2,
      negativeInfinity: 1,
    },
    { rank: 1, name: 'gradients/a' },
  ];
  expect(await store.runHistograms({ run: 'a', ...all })).toMatchObject(expected);
  expect(await store.run('a')).toMatchObject({ histograms: 3, steps: 1, lastStep: 0 });
  expect(store.stats().duplicates.runRecords).toBe(3);
  await store.close();
  const again = opened({ dataDir });
  await put(again, first);
  expect(await again.runHistograms({ run: 'a', ...all })).toMatchObject(expected);
  expect(await again.run('a')).toMatchObject({ histograms: 3 });
});

test('they are found by rank and by name, a page after the other', async () => {
  const store = opened();
  const records = Array.from({ length: 10 }, (_, seq) => histogram(seq, seq % 2 === 0 ? 'even' : 'odd'));
  await put(store, runEvents({ id: 'a' }, records));
  await put(store, runEvents({ id: 'a', rank: 1 }, records.slice(0, 3)));
  const steps = async (query: object) =>
    (await store.runHistograms({ run: 'a', ...all, ...query })).map((found) => found.step);
  expect(await steps({ name: 'odd', rank: 0 })).toEqual([10, 30, 50, 70, 90]);
  expect(await steps({ rank: 1 })).toEqual([0, 10, 20]);
  const [, second] = await store.runHistograms({ run: 'a', rank: 0, after: 0, limit: 2 });
  expect(await steps({ rank: 0, after: second?.id, limit: 2 })).toEqual([20, 30]);
  expect(await steps({ run: 'b' })).toEqual([]);
});

test('one without bins that fit is left out, and counted', async () => {
  const store = opened();
  await put(
    store,
    runEvents({ id: 'a' }, [
      histogram(0, 'x', { edges: [1, 0], counts: [1] }),
      histogram(1, 'x', { edges: [0, 1], counts: [1, 2] }),
      histogram(2, 'x', {}),
      histogram(3),
    ]),
  );
  expect(store.stats().rejected).toEqual({ 'histograms without bins that fit': 3 });
  expect(await store.runHistograms({ run: 'a', ...all })).toHaveLength(1);
  // it is known that they came: nothing is missing
  expect((await store.run('a'))?.records).toMatchObject([{ stored: 4, missing: 0 }]);
});

test('they go with their run', async () => {
  const clock = { now: T0 };
  const store = opened({ now: () => clock.now, retentionMs: DAY });
  await put(store, runEvents({ id: 'old' }, [histogram(0), histogram(1)]));
  await store.seal();
  clock.now = T0 + 2 * DAY;
  await put(store, runEvents({ id: 'new' }, [{ ...histogram(0), time: clock.now }]));
  await store.retain();
  expect(await store.runHistograms({ run: 'old', ...all })).toEqual([]);
  expect(await store.runHistograms({ run: 'new', ...all })).toHaveLength(1);
});
