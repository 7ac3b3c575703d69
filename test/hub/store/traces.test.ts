import { expect, test } from 'vitest';
import { opened } from './opened.ts';
import { put, RESOURCE, spans, T0 } from './requests.ts';

const TRACE = 'ab'.repeat(16);
const id = (n: number): string => n.toString(16).padStart(16, '0');

test('a trace is named by its root whatever the order, and counts its spans and errors once', async () => {
  const store = opened();
  const child = {
    traceId: TRACE,
    spanId: id(2),
    parentSpanId: id(1),
    name: 'chat',
    start: T0 + 1,
    ms: 100,
    status: { code: 2, message: 'boom' },
  };
  const root = { traceId: TRACE, spanId: id(1), name: 'POST /v1', start: T0, ms: 50 };
  await put(store, spans([child], { 'service.name': 'backend' }));
  await put(store, spans([root], RESOURCE));
  await put(store, spans([child, root]));
  const { traces, total } = await store.traces({ limit: 10 });
  expect(total).toBe(1);
  expect(traces).toEqual([
    {
      traceId: TRACE,
      rootName: 'POST /v1',
      serviceName: 'svc',
      startTime: T0,
      durationMs: 101,
      spans: 2,
      errors: 1,
    },
  ]);
  expect(store.stats().duplicates.spans).toBe(2);
});

test('a span comes back with everything that was sent', async () => {
  const store = opened();
  await put(
    store,
    spans([
      {
        traceId: TRACE,
        spanId: id(1),
        kind: 2,
        start: T0,
        ms: 12.5,
        attributes: {
          text: 'a',
          number: 1.5,
          big: 2n ** 60n,
          nan: NaN,
          list: ['x', 1],
          bytes: new Uint8Array([1, 2]),
        },
        events: [{ name: 'first token', timeUnixNano: BigInt(T0) * 1_000_000n, attributes: { n: 1 } }],
        links: [{ traceId: 'cd'.repeat(16), spanId: id(9), traceState: '', attributes: { why: 'run' } }],
        status: { code: 2, message: 'boom' },
      },
    ]),
  );
  expect(await store.trace(TRACE.toUpperCase())).toEqual([
    {
      traceId: TRACE,
      spanId: id(1),
      parentSpanId: null,
      name: 'span',
      kind: 'server',
      startTime: T0,
      durationMs: 12.5,
      status: 'error',
      statusMessage: 'boom',
      serviceName: 'svc',
      attributes: {
        text: 'a',
        number: 1.5,
        big: String(2n ** 60n),
        nan: 'NaN',
        list: ['x', 1],
        bytes: 'AQI=',
      },
      resource: { 'service.instance.id': 'svc-1', 'service.name': 'svc' },
      scope: 'test',
      events: [{ name: 'first token', time: T0, attributes: { n: 1 } }],
      links: [{ traceId: 'cd'.repeat(16), spanId: id(9), attributes: { why: 'run' } }],
    },
  ]);
  expect(await store.trace('ef'.repeat(16))).toEqual([]);
});

test('the search finds by time, service, name, duration, errors and attributes', async () => {
  const store = opened();
  for (let n = 0; n < 10; n++) {
    await put(
      store,
      spans(
        [
          {
            traceId: id(n).repeat(2).replace(/^0/, 'f'),
            spanId: id(n + 1),
            name: `GET /${n}`,
            start: T0 + n * 1000,
            ms: n,
            attributes: { n, even: n % 2 === 0, 'a"b': 'quoted' },
            status: { code: n === 3 ? 2 : 0, message: '' },
          },
        ],
        { 'service.name': n < 5 ? 'one' : 'two' },
      ),
    );
  }
  const found = async (query: object): Promise<string[]> =>
    (await store.traces({ limit: 100, ...query })).traces.map(({ rootName }) => rootName);
  expect(await found({ from: T0 + 2000, to: T0 + 4000 })).toEqual(['GET /4', 'GET /3', 'GET /2']);
  expect((await found({ service: 'two' })).length).toBe(5);
  expect(await found({ name: '/7' })).toEqual(['GET /7']);
  expect(await found({ minDurationMs: 8 })).toEqual(['GET /9', 'GET /8']);
  expect(await found({ errors: true })).toEqual(['GET /3']);
  expect(await found({ where: { n: '6' } })).toEqual(['GET /6']);
  expect(await found({ where: { even: 'true', 'a"b': 'quoted' }, service: 'one' })).toEqual([
    'GET /4',
    'GET /2',
    'GET /0',
  ]);
  expect(await store.traces({ limit: 2, service: 'one' })).toMatchObject({ total: 5, traces: [{}, {}] });
});
