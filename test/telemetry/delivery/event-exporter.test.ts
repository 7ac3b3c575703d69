import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventExporter, type EventRecord } from '../../../src/telemetry/index.ts';
import { parseRetryAfter } from '../../../src/telemetry/delivery/otlp-sender.ts';
import { toHrTime } from '../../../src/telemetry/delivery/otlp-event-exporter.ts';
import { decodeRequest, encodeExportResponse } from '../../../src/otlp/index.ts';
import { OtlpSink } from '../otlp-sink.ts';

let sink: OtlpSink;
beforeEach(async () => {
  sink = await OtlpSink.start();
});
afterEach(() => sink.close());

const resource = { 'llm.run.id': 'r1', 'llm.rank': 0 };
const step = (body: EventRecord['body'], seq = 0): EventRecord => ({
  eventName: 'llm.training.step',
  time: 1_700_000_000_123.5,
  body,
  attributes: { 'llm.run.seq': seq },
  resource,
});
const exporter = (options: Parameters<typeof createEventExporter>[0] = {}) =>
  createEventExporter({ endpoint: sink.url, env: {}, ...options });

describe('createEventExporter', () => {
  it('delivers name, time, resource and every number, NaN and infinities too', async () => {
    const values = {
      'train/loss': Number.NaN,
      'train/grad_norm': Infinity,
      low: -Infinity,
      half: 0.5,
      whole: 2,
      huge: 1e300,
      beyondInt64: 1e20,
      negative: -3,
      big: 2 ** 53,
    };
    expect(await exporter().export([step(values, 7)])).toEqual({ ok: true });
    expect(sink.logRecords()).toMatchObject([
      {
        eventName: 'llm.training.step',
        timeUnixNano: 1_700_000_000_123_500_000n,
        severityNumber: 9,
        attributes: { 'llm.run.seq': 7 },
      },
    ]);
    const body = sink.logRecords()[0]?.body as Record<string, number | bigint>;
    expect(Object.fromEntries(Object.entries(body).map(([key, value]) => [key, Number(value)]))).toEqual(
      values,
    );
    const request = decodeRequest(
      'logs',
      'application/x-protobuf',
      (sink.requests[0] as { body: Buffer }).body,
    );
    expect(request.resourceLogs[0]?.resource.attributes).toEqual(resource);
  });

  it('asks with an empty request whether the receiver is one', async () => {
    expect(await exporter().export([])).toEqual({ ok: true });
    expect(sink.requests).toMatchObject([{ signal: 'logs', body: Buffer.alloc(0) }]);
    sink.answerWith((response) => response.writeHead(404).end());
    expect(await exporter().export([])).toMatchObject({ ok: false, status: 404 });
  });

  it('puts records of one resource into one group', async () => {
    await exporter().export([step({ a: 1 }), step({ a: 2 }), { ...step('note'), resource: { other: true } }]);
    const request = decodeRequest(
      'logs',
      'application/x-protobuf',
      (sink.requests[0] as { body: Buffer }).body,
    );
    expect(request.resourceLogs.map((group) => group.scopeLogs[0]?.logRecords.length)).toEqual([2, 1]);
  });

  it.each<[number, Record<string, string>, object]>([
    [400, {}, { kind: 'refused', status: 400 }],
    [413, {}, { kind: 'refused', status: 413 }],
    [401, {}, { kind: 'unauthorized' }],
    [403, {}, { kind: 'unauthorized' }],
    [404, {}, { kind: 'unavailable' }],
    [429, { 'retry-after': '7' }, { kind: 'unavailable', retryAfterMs: 7000 }],
    [500, {}, { kind: 'unavailable', status: 500 }],
    [503, { 'retry-after': '0' }, { kind: 'unavailable', retryAfterMs: 0 }],
    [302, { location: 'http://elsewhere' }, { kind: 'unavailable' }],
  ])('reads a status of %d as what it is', async (status, headers, outcome) => {
    sink.answerWith((response) => response.writeHead(status, headers).end('why it is so'));
    const result = await exporter().export([step({ a: 1 })]);
    expect(result).toMatchObject({ ok: false, ...outcome });
    expect(sink.requests).toHaveLength(1); // no retry of its own
    if (!result.ok) expect(result.message).toContain(sink.url);
  });

  it('reports a partial success with the number of rejected records', async () => {
    sink.answerWith((response) =>
      response
        .writeHead(200, { 'content-type': 'application/x-protobuf' })
        .end(encodeExportResponse('logs', 'application/x-protobuf', { rejected: 2, message: 'too old' })),
    );
    expect(await exporter().export([step({ a: 1 })])).toMatchObject({
      ok: false,
      kind: 'refused',
      rejected: 2,
      message: expect.stringContaining('too old') as unknown,
    });
  });

  it('takes a warning without rejected records for a success', async () => {
    sink.answerWith((response) =>
      response
        .writeHead(200)
        .end(
          encodeExportResponse('logs', 'application/x-protobuf', { rejected: 0, message: 'old protocol' }),
        ),
    );
    expect(await exporter().export([step({ a: 1 })])).toEqual({ ok: true });
  });

  it('says that nobody is there, with the code of the system', async () => {
    await sink.close();
    expect(await exporter().export([step({ a: 1 })])).toMatchObject({
      ok: false,
      kind: 'unavailable',
      code: 'ECONNREFUSED',
    });
  });

  it('gives up on a receiver that hangs, before and within its answer', async () => {
    sink.answerWith(() => {});
    const result = exporter({ timeoutMs: 50 }).export([step({ a: 1 })]);
    expect(await result).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('50 ms') as unknown,
    });
    sink.answerWith((response) => response.writeHead(200).write('half'));
    expect(await exporter({ timeoutMs: 50 }).export([step({ a: 1 })])).toMatchObject({ kind: 'unavailable' });
  });

  it('keeps one connection for many exports', async () => {
    const one = exporter();
    for (let i = 0; i < 3; i++) await one.export([step({ a: i }, i)]);
    expect(new Set(sink.requests.map(({ clientPort }) => clientPort)).size).toBe(1);
    await one.shutdown();
  });

  it('takes a kept connection that the receiver has closed for no outage', async () => {
    const seen = new Set<number | undefined>();
    sink.answerWith((response, { clientPort }) => {
      if (seen.has(clientPort)) response.destroy();
      else response.writeHead(200).end();
      seen.add(clientPort);
    });
    const one = exporter();
    for (let i = 0; i < 3; i++) expect(await one.export([step({ a: i }, i)])).toEqual({ ok: true });
    await one.shutdown();
  });

  it('compresses when asked, and sends the headers of the environment and of the options', async () => {
    const outcome = await createEventExporter({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-key=abc',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      },
      headers: { 'x-more': 'def' },
    }).export([step({ a: 1 })]);
    expect(outcome).toEqual({ ok: true });
    expect(sink.requests[0]?.headers).toMatchObject({
      'x-key': 'abc',
      'x-more': 'def',
      'content-encoding': 'gzip',
      'content-type': 'application/x-protobuf',
    });
    expect(sink.logRecords()).toHaveLength(1);
  });

  it('shows no credentials in its URL or messages', async () => {
    await sink.close();
    const one = exporter({
      endpoint: sink.url.replace('http://', 'http://user:hush@'),
      headers: { k: 'hush' },
    });
    const result = await one.export([step({ a: 1 })]);
    expect(one.url).toBe(`${sink.url}/v1/logs`);
    expect(JSON.stringify(result)).not.toContain('hush');
  });
});

describe('Retry-After', () => {
  it.each([
    ['3', 3000],
    ['Thu, 01 Jan 1970 00:01:00 GMT', 50_000],
    ['Thu, 01 Jan 1970 00:00:01 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('of %j is %j ms at second 10', (value, milliseconds) => {
    expect(parseRetryAfter(value, 10_000)).toBe(milliseconds);
  });
});

describe('the time of an event', () => {
  it.each([
    [0, [0, 0]],
    [1500.25, [1, 500_250_000]],
    [1999.9999999, [2, 0]],
  ])('%d ms is %j', (milliseconds, hrTime) => {
    expect(toHrTime(milliseconds)).toEqual(hrTime);
  });
});
