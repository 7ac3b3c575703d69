import { expect, test } from 'vitest';
import { opened, temporaryDirectory } from './opened.ts';
import { gauge, put, RESOURCE, runEvents, step, T0 } from './requests.ts';

const start = (seq: number, body = {}, attributes = {}) => ({
  event: 'llm.run.start',
  seq,
  body,
  attributes,
});
const end = (seq: number, status: string, attributes = {}) => ({
  event: 'llm.run.end',
  seq,
  attributes: { 'llm.run.status': status, ...attributes },
});

function clocked(options = {}) {
  const clock = { now: T0 };
  return { clock, store: opened({ now: () => clock.now, interruptedAfterMs: 60_000, ...options }) };
}

test('a run gathers name, params, tags, source, notes and artifacts from its events', async () => {
  const { store } = clocked();
  const resource = {
    'llm.run.name': 'first',
    'llm.run.project': 'p',
    'llm.run.group': 'g',
    'llm.world_size': 2,
  };
  await put(
    store,
    runEvents({ id: 'a', resource }, [
      start(0, { lr: 0.1, layers: 2n }, { 'llm.run.tags': ['x'], 'llm.run.source': { commit: 'abc' } }),
      { event: 'llm.run.params', seq: 1, body: { batch: 8 } },
      { event: 'llm.run.note', seq: 2, body: 'look here', attributes: { 'llm.note.severity': 'warn' } },
      {
        event: 'llm.run.artifact',
        seq: 3,
        body: { epoch: 1 },
        attributes: { 'llm.artifact.name': 'ckpt', 'llm.artifact.kind': 'model', 'llm.artifact.size': 12 },
      },
      {
        event: 'llm.training.step',
        seq: 4,
        step: 7,
        body: { 'train/loss': 2 },
        attributes: { 'llm.training.epoch': 0.5 },
      },
      { event: 'llm.run.end', seq: 5, body: { best: 2 }, attributes: { 'llm.run.status': 'finished' } },
    ]),
  );
  expect(await store.run('a')).toMatchObject({
    name: 'first',
    project: 'p',
    group: 'g',
    worldSize: 2,
    serviceName: 'svc',
    status: 'finished',
    startedAt: T0,
    endedAt: T0 + 5000,
    params: { lr: 0.1, layers: 2, batch: 8 },
    tags: { x: true },
    source: { commit: 'abc' },
    summary: { best: 2 },
    notes: [{ text: 'look here', severity: 'warn', rank: 0 }],
    artifacts: [{ name: 'ckpt', kind: 'model', size: 12, metadata: { epoch: 1 } }],
    lastStep: 7,
    last: { 'train/loss': { value: 2, step: 7, time: T0 + 4000 }, 'train/epoch': { value: 0.5 } },
  });
});

test('steps that come before the start, and out of order, make the same run', async () => {
  const { store } = clocked();
  const params = {
    event: 'llm.run.params',
    seq: 4,
    body: { lr: 2 },
    attributes: { 'llm.run.tags.team': 'x' },
  };
  const records = [
    start(0, { lr: 1, wd: 0 }),
    step(1, 3),
    step(2, 2),
    step(3, 1),
    params,
    end(5, 'finished'),
  ];
  await put(store, runEvents({ id: 'in-order' }, records));
  for (const at of [3, 1, 5, 4, 2, 0]) await put(store, runEvents({ id: 'shuffled' }, [records[at]!]));
  const { id: _a, name: _b, ...wanted } = (await store.run('in-order'))!;
  expect(wanted).toMatchObject({ params: { lr: 2, wd: 0 }, tags: { team: 'x' } });
  expect(await store.run('shuffled')).toMatchObject(wanted);
});

test('a resent record is stored once, a hole in the sequence is shown as missing', async () => {
  const { store } = clocked();
  await put(store, runEvents({ id: 'a' }, [start(0), step(1, 1), step(2, 2)]));
  await put(store, runEvents({ id: 'a' }, [step(2, 2), step(5, 5)]));
  await store.seal();
  await put(store, runEvents({ id: 'a' }, [step(1, 1), step(5, 5)]));
  expect((await store.run('a'))?.records).toEqual([
    { rank: 0, stored: 4, highestSeq: 5, missing: 2, serviceInstanceId: 'svc-1' },
  ]);
  expect((await store.series({ run: 'a', key: 'train/loss', x: 'step', maxPoints: 0 }))?.step).toEqual([
    1, 2, 5,
  ]);
  expect(store.stats().duplicates.runRecords).toBe(3);
});

test('the processes of a run are known by instance and launch, over attempts and a restart of the hub', async () => {
  const dataDir = temporaryDirectory();
  const { store } = clocked({ dataDir });
  const of = (instance: string, launch: string, rank: number) => ({
    id: 'a',
    rank,
    resource: { 'service.instance.id': instance, 'llm.launch.id': launch },
  });
  await put(store, runEvents(of('i1', 'l1', 0), [start(0), step(1, 1)]));
  await put(store, runEvents(of('i2', 'l1', 1), [start(0)]));
  await store.close();
  const again = clocked({ dataDir }).store;
  await put(again, runEvents(of('i3', 'l2', 0), [step(2, 1)]));
  expect((await again.run('a'))?.processes).toEqual({
    'service.instance.id': ['i1', 'i2', 'i3'],
    'llm.launch.id': ['l1', 'l2'],
  });
});

test('the machine of a run is that of its lowest rank, of the newest start', async () => {
  const { store } = clocked();
  const on = (cpu: string, rank: number) => ({
    id: 'a',
    rank,
    resource: { 'host.cpu.model.name': cpu, 'host.memory.size': 1024n, 'host.other': 'not told' },
  });
  const machine = async () => (await store.run('a'))?.machine;
  await put(store, runEvents(on('second', 1), [start(0)]));
  expect(await machine()).toEqual({ 'host.cpu.model.name': 'second', 'host.memory.size': 1024 });
  await put(store, runEvents(on('resumed', 0), [{ ...start(7), time: T0 + 7000 }]));
  await put(store, runEvents(on('first', 0), [start(0)]));
  await put(store, runEvents(on('third', 2), [{ ...start(0), time: T0 + 9000 }]));
  expect(await machine()).toMatchObject({ 'host.cpu.model.name': 'resumed' });
});

test('series are found by one of several values of one of several resource attributes, sealed or not', async () => {
  const { store } = clocked();
  const of = (instance: string, launch?: string) => ({
    'service.instance.id': instance,
    ...(launch === undefined ? {} : { 'llm.launch.id': launch }),
  });
  const found = async () => {
    const anyOf = { 'service.instance.id': ['i1'], 'llm.launch.id': ['l1', 'l2'] };
    const query = { name: 'm', where: { kind: 'own' }, anyOf, from: T0, to: T0 + 1000, maxPoints: 0 };
    const ids = (await store.points(query)).map(({ resource }) => String(resource['service.instance.id']));
    return ids.toSorted((a, b) => a.localeCompare(b));
  };
  const point = { time: T0, value: 1, attributes: { kind: 'own' } };
  await put(store, gauge('m', [point], of('i1')));
  await put(store, gauge('m', [point], of('i2', 'l2')));
  await put(store, gauge('m', [point], of('i3', 'l3')));
  await put(store, gauge('m', [{ ...point, attributes: { kind: 'other' } }], of('i1')));
  expect(await found()).toEqual(['i1', 'i2']);
  await store.seal();
  expect(await found()).toEqual(['i1', 'i2']);
});

test('a repeated step number is kept each time it was recorded', async () => {
  const { store } = clocked();
  const repeated = (seq: number, value: number) => ({ ...step(seq, value), step: 1 });
  await put(store, runEvents({ id: 'a' }, [repeated(0, 1), repeated(1, 2), repeated(2, 3)]));
  const series = await store.series({ run: 'a', key: 'train/loss', x: 'step', maxPoints: 0 });
  expect(series).toMatchObject({ step: [1, 1, 1], value: [1, 2, 3] });
});

test('NaN and infinities are kept, listed apart, and break no minimum', async () => {
  const { store } = clocked();
  await put(
    store,
    runEvents(
      { id: 'a' },
      [3, NaN, -1, Infinity, -0].map((value, seq) => step(seq, value)),
    ),
  );
  const series = (await store.series({ run: 'a', key: 'train/loss', x: 'step', maxPoints: 0 }))!;
  expect(series.value).toEqual([3, 'NaN', -1, 'Infinity', -0]);
  expect(series.nonFinite.map(({ step, value }) => [step, value])).toEqual([
    [1, 'NaN'],
    [3, 'Infinity'],
  ]);
  expect((await store.run('a'))?.keys[0]).toMatchObject({
    nonFinite: 2,
    min: { value: -1, step: 2 },
    max: { value: 3, step: 0 },
    last: { value: -0, step: 4 },
  });
});

test('a run without an end is running while its process sends anything, and interrupted after silence', async () => {
  const { store, clock } = clocked();
  await put(store, runEvents({ id: 'a' }, [start(0)]));
  const status = async (): Promise<string | undefined> => (await store.run('a'))?.status;
  expect(await status()).toBe('running');
  clock.now += 50_000;
  await put(store, gauge('cpu', [{ time: clock.now, value: 1 }], RESOURCE));
  clock.now += 50_000;
  expect(await status()).toBe('running');
  clock.now += 20_000;
  expect(await status()).toBe('interrupted');
  expect((await store.runs({ status: 'interrupted' })).runs.map(({ id }) => id)).toEqual(['a']);
  // From the database it is the same as from memory.
  await store.close();
  const again = opened({ dataDir: store.directory, now: () => clock.now });
  expect((await again.runs({ status: 'interrupted' })).total).toBe(1);
  expect((await again.runs({ status: 'running' })).total).toBe(0);
});

test('a restart of the hub gives running runs time to speak before they count as interrupted', async () => {
  const { store, clock } = clocked();
  await put(store, runEvents({ id: 'a' }, [start(0)]));
  await store.close();
  clock.now += 3_600_000;
  const again = opened({ dataDir: store.directory, now: () => clock.now });
  clock.now += 59_000;
  expect((await again.run('a'))?.status).toBe('running');
  clock.now += 2000;
  expect((await again.run('a'))?.status).toBe('interrupted');
  expect((await again.runs({ status: 'interrupted' })).total).toBe(1);
});

test('an end that a sync wrote for a dead process reads as interrupted; a later attempt runs again', async () => {
  const { store } = clocked();
  await put(store, runEvents({ id: 'a' }, [start(0), end(1, 'killed', { 'llm.run.interrupted': true })]));
  expect((await store.run('a'))?.status).toBe('interrupted');
  await put(store, runEvents({ id: 'a', attempt: 2 }, [start(2), step(3, 1)]));
  expect(await store.run('a')).toMatchObject({ status: 'running', attempt: 2, endedAt: null });
  await put(store, runEvents({ id: 'a', attempt: 2 }, [end(4, 'finished')]));
  expect((await store.run('a'))?.status).toBe('finished');
});

test('of several ranks the lowest ends the run, and the worst end is its status', async () => {
  const { store } = clocked();
  await put(store, runEvents({ id: 'a', rank: 1 }, [step(0, 1), end(1, 'failed')]));
  await put(store, runEvents({ id: 'a', rank: 0 }, [step(0, 1)]));
  expect((await store.run('a'))?.status).toBe('running');
  await put(store, runEvents({ id: 'a', rank: 0 }, [end(1, 'finished')]));
  expect(await store.run('a')).toMatchObject({ status: 'failed', ranks: [0, 1] });
});

test('a rank that has not recorded a key of its run has no points of it; a key of no rank is unknown', async () => {
  const { store } = clocked();
  await put(store, runEvents({ id: 'a', rank: 0 }, [step(0, 1)]));
  await put(store, runEvents({ id: 'a', rank: 1 }, [{ ...step(0, 1), body: { other: 2 } }]));
  const ask = { run: 'a', x: 'step', maxPoints: 100 } as const;
  expect(await store.series({ ...ask, key: 'train/loss', rank: 1 })).toMatchObject({
    rank: 1,
    total: 0,
    step: [],
    time: [],
    value: [],
    nonFinite: [],
    reduced: false,
  });
  expect(await store.series({ ...ask, key: 'train/loss', rank: 0 })).toMatchObject({ total: 1 });
  expect(await store.series({ ...ask, key: 'nothing', rank: 1 })).toBeUndefined();
  expect(await store.series({ ...ask, run: 'b', key: 'train/loss' })).toBeUndefined();
});

test('ranks are merged in order of the axis when no rank is asked for', async () => {
  const { store } = clocked();
  const at = (seq: number, value: number, time: number) => ({ ...step(seq, value), time: T0 + time });
  await put(store, runEvents({ id: 'a', rank: 0 }, [at(0, 10, 0), at(1, 11, 30), at(2, 12, 50)]));
  await put(store, runEvents({ id: 'a', rank: 1 }, [at(0, 20, 10), at(1, 21, 20), at(2, 22, 60)]));
  const read = async (x: 'step' | 'time' | 'relative', range = {}) =>
    (await store.series({ run: 'a', key: 'train/loss', x, maxPoints: 0, ...range }))?.value;
  expect(await read('step')).toEqual([10, 20, 21, 11, 12, 22]);
  expect(await read('time')).toEqual([10, 20, 21, 11, 12, 22]);
  expect(await read('step', { from: 1, to: 1 })).toEqual([21, 11]);
  expect(await read('relative', { from: 10, to: 30 })).toEqual([20, 21, 11]);
});

test('a long series is reduced to its outline, spike and NaN included; a zoom gives every point', async () => {
  const { store } = clocked();
  const records = Array.from({ length: 20_000 }, (_, seq) =>
    step(seq, seq === 7777 ? 1e6 : seq === 12_345 ? NaN : Math.sin(seq / 100)),
  );
  await put(store, runEvents({ id: 'a' }, records));
  for (const sealed of [false, true]) {
    if (sealed) await store.seal();
    const series = (await store.series({ run: 'a', key: 'train/loss', x: 'step', maxPoints: 400 }))!;
    expect(series).toMatchObject({ reduced: true, total: 20_000, nonFiniteTotal: 1 });
    expect(series.step.length).toBeLessThanOrEqual(401);
    expect(series.value[series.step.indexOf(7777)]).toBe(1e6);
    expect(series.nonFinite).toMatchObject([{ step: 12_345, value: 'NaN' }]);
    expect(series.value[series.step.indexOf(12_345)]).toBe('NaN');
    const zoomed = { run: 'a', key: 'train/loss', x: 'step', from: 100, to: 299, maxPoints: 400 } as const;
    expect(await store.series(zoomed)).toMatchObject({ reduced: false, total: 200 });
  }
});

test('runs are listed newest first with the total, from memory and from the database alike', async () => {
  const { store } = clocked();
  for (let n = 0; n < 5; n++) {
    const project = n % 2 === 0 ? 'even' : 'odd';
    await put(
      store,
      runEvents({ id: `r${n}`, resource: { 'llm.run.project': project } }, [{ ...start(0), time: T0 + n }]),
    );
  }
  await store.close();
  const again = opened({ dataDir: store.directory, now: () => T0 });
  await put(again, runEvents({ id: 'r1' }, [{ ...step(1, 1), time: T0 + 1 }]));
  const page = await again.runs({ limit: 3 });
  expect(page.total).toBe(5);
  expect(page.runs.map(({ id }) => id)).toEqual(['r4', 'r3', 'r2']);
  expect((await again.runs({ project: 'odd' })).runs.map(({ id, steps }) => [id, steps])).toEqual([
    ['r3', 0],
    ['r1', 1],
  ]);
  expect(await again.run('none')).toBeUndefined();
  expect(await again.series({ run: 'r4', key: 'none', x: 'step', maxPoints: 0 })).toBeUndefined();
});

test('foreign senders may put run id and rank on the record, and leave out the sequence number', async () => {
  const store = opened({ dataDir: temporaryDirectory() });
  const request = runEvents({ id: '' }, [
    {
      event: 'llm.training.step',
      seq: 0,
      step: 1,
      body: { loss: 1 },
      attributes: { 'llm.run.id': 'f', 'llm.rank': 3 },
    },
    {
      event: 'llm.training.step',
      seq: 0,
      step: 2,
      body: { loss: 2 },
      attributes: { 'llm.run.id': 'f', 'llm.rank': 3 },
    },
  ]);
  for (const record of request.resourceLogs[0]!.scopeLogs[0]!.logRecords)
    delete record.attributes['llm.run.seq'];
  await put(store, request);
  await put(store, request);
  expect(await store.run('f')).toMatchObject({
    steps: 2,
    ranks: [3],
    records: [{ stored: 2, highestSeq: -1 }],
  });
});

test('a key named __proto__ is a key like any other', async () => {
  const { store } = clocked();
  const body = JSON.parse('{"__proto__": 5, "constructor": 6}') as Record<string, number>;
  await put(store, runEvents({ id: 'a' }, [{ event: 'llm.training.step', seq: 0, step: 0, body }]));
  await store.seal();
  expect((await store.run('a'))?.keys.map(({ key }) => key)).toEqual(['__proto__', 'constructor']);
  expect(({} as Record<string, unknown>)['points']).toBeUndefined();
});
