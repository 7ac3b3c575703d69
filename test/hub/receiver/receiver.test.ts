import { constants, createZstdCompress, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { ReceiverOptions } from '../../../src/hub/receiver/index.ts';
import {
  encodeRequest,
  type LogsRequest,
  OtlpDecodeError,
  type OtlpRequest,
  toJson,
} from '../../../src/otlp/index.ts';
import { closeOf, connect, readUntil, type Receiving, send, startReceiving } from './receiving.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const open: Receiving[] = [];
afterEach(async () => {
  for (const receiving of open.splice(0)) await receiving.close();
});
async function start(options: Partial<ReceiverOptions> = {}): Promise<Receiving> {
  const receiving = await startReceiving(options);
  open.push(receiving);
  return receiving;
}

function logs(...bodies: string[]): LogsRequest {
  return {
    signal: 'logs',
    resourceLogs: [
      {
        resource: { attributes: {} },
        scopeLogs: [
          {
            scope: { name: '', version: '', attributes: {} },
            logRecords: bodies.map((body) => ({
              timeUnixNano: 1n,
              observedTimeUnixNano: 0n,
              severityNumber: 9,
              severityText: '',
              eventName: '',
              body,
              attributes: {},
              traceId: '',
              spanId: '',
              flags: 0,
            })),
          },
        ],
      },
    ],
  };
}
const bodiesOf = (request: OtlpRequest | undefined): unknown[] =>
  request?.signal === 'logs'
    ? request.resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => logRecords.map((record) => record.body)),
      )
    : [];
const protobuf = (...bodies: string[]): Uint8Array => encodeRequest(logs(...bodies));
const sendLogs = (target: Receiving, body: Uint8Array | Uint8Array[], headers: Record<string, string> = {}) =>
  send(target, '/v1/logs', { headers: { 'content-type': PROTOBUF, ...headers }, body });

describe('a request', () => {
  it('is answered with 200 in its own content type once it is stored', async () => {
    const target = await start();
    const first = await sendLogs(target, protobuf('a'));
    expect(first).toMatchObject({
      status: 200,
      headers: { 'content-type': PROTOBUF },
      body: Buffer.alloc(0),
    });
    const second = await send(target, '/v1/logs', {
      headers: { 'content-type': 'Application/JSON; charset=utf-8' },
      body: JSON.stringify(toJson(logs('b'))),
    });
    expect(second).toMatchObject({ status: 200, headers: { 'content-type': JSON_TYPE } });
    expect(String(second.body)).toBe('{}');
    expect(target.store.appended.map(({ request }) => bodiesOf(request))).toEqual([['a'], ['b']]);
  });

  it('gives the store its body as it came, decompressed', async () => {
    const target = await start();
    const body = protobuf('x'.repeat(5000));
    await sendLogs(target, gzipSync(body), { 'content-encoding': 'gzip' });
    expect(target.store.appended[0]?.body.contentType).toBe(PROTOBUF);
    expect(Buffer.from(target.store.appended[0]?.body.bytes ?? []).equals(body)).toBe(true);
  });

  it('is not answered before the store has it', async () => {
    const target = await start();
    let stored: () => void = () => {};
    let entered: () => void = () => {};
    const inStore = new Promise<void>((resolve) => {
      entered = resolve;
    });
    target.store.behaviour = () => {
      entered();
      return new Promise((resolve) => {
        stored = () => resolve({ rejected: 0, message: '' });
      });
    };
    let answered = false;
    const answer = sendLogs(target, protobuf('a')).then((result) => {
      answered = true;
      return result;
    });
    await inStore;
    expect(answered).toBe(false);
    expect(target.receiver.stats().inFlightBytes).toBeGreaterThan(0);
    stored();
    expect((await answer).status).toBe(200);
    expect(target.receiver.stats().inFlightBytes).toBe(0);
  });

  it('of every signal may be empty, with and without a length', async () => {
    const target = await start();
    for (const path of ['/v1/traces', '/v1/metrics', '/v1/logs?token=ignored']) {
      expect((await send(target, path, { headers: { 'content-type': PROTOBUF } })).status).toBe(200);
      expect(
        (await send(target, path, { headers: { 'content-type': PROTOBUF, 'content-length': 0 } })).status,
      ).toBe(200);
      expect((await send(target, path, { headers: { 'content-type': JSON_TYPE }, body: '{}' })).status).toBe(
        200,
      );
    }
    expect(target.store.appended.map(({ request }) => request.signal)).toEqual(
      ['traces', 'metrics', 'logs'].flatMap((signal) => [signal, signal, signal]),
    );
  });

  it('may come in chunks of any size', async () => {
    const target = await start();
    const body = protobuf('chunked');
    const pieces = [...body].map((byte) => Uint8Array.of(byte));
    expect((await sendLogs(target, pieces)).status).toBe(200);
    expect(bodiesOf(target.store.appended[0]?.request)).toEqual(['chunked']);
  });

  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZIP', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
    ['identity', (body: Uint8Array) => body],
    ['', (body: Uint8Array) => body],
  ])('may be encoded with %j', async (encoding, encode) => {
    const target = await start();
    const result = await sendLogs(target, encode(protobuf('small')), { 'content-encoding': encoding });
    expect(result.status).toBe(200);
    expect(bodiesOf(target.store.appended[0]?.request)).toEqual(['small']);
  });

  it('of another path is left to others, untouched', async () => {
    const target = await start();
    for (const path of ['/', '/v1/logs/', '/v1', '/v1development/profiles', '/api/v1/logs']) {
      expect((await send(target, path, { headers: { 'content-type': PROTOBUF } })).status).toBe(404);
    }
    expect(target.store.appended).toEqual([]);
  });
});

describe('partial success', () => {
  it('is a 200 with the count and the reason', async () => {
    const target = await start();
    target.store.behaviour = async () => ({ rejected: 2, message: 'series limit' });
    const json = await send(target, '/v1/logs', {
      headers: { 'content-type': JSON_TYPE },
      body: JSON.stringify(toJson(logs('a', 'b', 'c'))),
    });
    expect(json.status).toBe(200);
    expect(JSON.parse(String(json.body))).toEqual({
      partialSuccess: { rejectedLogRecords: '2', errorMessage: 'series limit' },
    });
    expect(target.receiver.stats()).toMatchObject({
      accepted: { logRecords: 1 },
      rejected: { logRecords: 2 },
    });
  });
});

describe('a refusal', () => {
  it('of bad data is 400 with a Status in the content type of the request', async () => {
    const target = await start();
    const json = await send(target, '/v1/traces', {
      headers: { 'content-type': JSON_TYPE },
      body: '{"resourceSpans":7}',
    });
    expect(json).toMatchObject({ status: 400, headers: { 'content-type': JSON_TYPE } });
    expect(JSON.parse(String(json.body))).toEqual({
      code: 3,
      message: 'OTLP JSON: expected an array, got number "7" at $.resourceSpans',
    });
    const binary = await send(target, '/v1/traces', {
      headers: { 'content-type': PROTOBUF },
      body: '\u000b',
    });
    expect(binary).toMatchObject({ status: 400, headers: { 'content-type': PROTOBUF } });
    // google.rpc.Status: code = 3 (field 1), message (field 2).
    expect(binary.body.subarray(0, 3).toString('hex')).toBe('080312');
    expect(target.store.appended).toEqual([]);
  });

  it('of a signal sent to the path of another is 400 or nothing stored', async () => {
    const target = await start();
    await send(target, '/v1/metrics', { headers: { 'content-type': PROTOBUF }, body: protobuf('a', 'b') });
    for (const { request } of target.store.appended) expect(request.signal).toBe('metrics');
  });

  it.each([
    undefined,
    '',
    'text/plain',
    'application/protobuf',
    'application/jsonx',
    'multipart/form-data; boundary=x',
  ])('of the content type %j is 415 in plain text', async (type) => {
    const target = await start();
    const headers = type === undefined ? {} : { 'content-type': type };
    const result = await send(target, '/v1/logs', { headers, body: protobuf('a') });
    expect(result).toMatchObject({ status: 415, headers: { 'content-type': 'text/plain; charset=utf-8' } });
    expect(String(result.body)).toContain('application/x-protobuf');
    expect(target.store.appended).toEqual([]);
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'])(
    'of %s is 405 and names POST',
    async (method) => {
      const target = await start();
      expect(await send(target, '/v1/logs', { method, headers: { 'content-type': PROTOBUF } })).toMatchObject(
        {
          status: 405,
          headers: { allow: 'POST' },
        },
      );
    },
  );

  it.each([
    ['truncated gzip', 'gzip', gzipSync(protobuf('a'.repeat(1000))).subarray(0, -9)],
    ['something that is not gzip', 'gzip', protobuf('a')],
    ['truncated zstd', 'zstd', zstdCompressSync(protobuf('a'.repeat(1000))).subarray(0, -4)],
    ['gzip called deflate', 'deflate', gzipSync(protobuf('a'))],
    ['an encoding that nobody knows', 'br', protobuf('a')],
    ['encodings on each other', 'gzip, gzip', gzipSync(gzipSync(protobuf('a')))],
  ])('of %s is 400', async (_, encoding, body) => {
    const target = await start();
    const result = await sendLogs(target, body, { 'content-encoding': encoding });
    expect(result).toMatchObject({ status: 400, headers: { 'content-type': PROTOBUF } });
    expect(target.store.appended).toEqual([]);
  });

  it('of an origin that is not the hub is 403; its own, an allowed one and none pass', async () => {
    const target = await start({ allowedOrigins: ['https://app.example'] });
    for (const origin of [
      'https://evil.example',
      'null',
      `http://127.0.0.1:1`,
      'http://127.0.0.1.evil.example',
    ]) {
      expect((await sendLogs(target, protobuf('a'), { origin })).status).toBe(403);
    }
    expect(target.store.appended).toEqual([]);
    for (const origin of [target.url, 'https://app.example']) {
      expect((await sendLogs(target, protobuf('a'), { origin })).status).toBe(200);
    }
  });

  it('of a missing or wrong token is 401', async () => {
    const target = await start({ token: 'secret' });
    for (const headers of [{}, { authorization: 'Bearer secre' }, { authorization: 'Basic secret' }]) {
      const result = await sendLogs(target, protobuf('a'), headers as Record<string, string>);
      expect(result).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
      expect(String(result.body)).not.toContain('secret"');
    }
    expect((await sendLogs(target, protobuf('a'), { authorization: 'bearer secret' })).status).toBe(200);
  });

  it('by the store is 503 with Retry-After when it can be retried, else 500 without its words', async () => {
    const target = await start({ limits: { retryAfterSeconds: 7 } });
    target.store.behaviour = async () => {
      throw Object.assign(new Error('queue is full'), { retryable: true });
    };
    expect(await sendLogs(target, protobuf('a'))).toMatchObject({
      status: 503,
      headers: { 'retry-after': '7' },
    });
    target.store.behaviour = async () => {
      throw new Error('/secret/path is broken');
    };
    const failed = await sendLogs(target, protobuf('a'));
    expect(failed.status).toBe(500);
    expect(failed.headers['retry-after']).toBeUndefined();
    expect(String(failed.body)).not.toContain('/secret/path');
    expect(target.log).toEqual([
      'warn: could not store a logs request now: queue is full',
      'error: could not store a logs request: /secret/path is broken',
    ]);
    target.store.behaviour = async () => {
      throw new OtlpDecodeError('bad attribute');
    };
    expect((await sendLogs(target, protobuf('a'))).status).toBe(400);
    target.store.behaviour = () => {
      throw new Error('thrown, not rejected');
    };
    expect((await sendLogs(target, protobuf('a'))).status).toBe(500);
  });
});

describe('limits', () => {
  it('hold for the length that is announced, before it is read', async () => {
    const target = await start({ limits: { bytes: 1000 } });
    const socket = await connect(target);
    socket.write(
      `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: ${PROTOBUF}\r\nContent-Length: 1001\r\n\r\n`,
    );
    expect(await readUntil(socket, /\r\n\r\n/g, 1)).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });

  it('hold for chunked bodies, and the sender can read why although it sends on', async () => {
    const target = await start({ limits: { bytes: 1000 } });
    const pieces = Array.from({ length: 300 }, () => Buffer.alloc(10_000, 1));
    const result = await sendLogs(target, pieces);
    expect(result.status).toBe(413);
    expect(String(result.body)).toContain('at most 1000');
    expect(target.receiver.stats().inFlightBytes).toBe(0);
  });

  it('end the connection of a sender that does not stop after a refusal', async () => {
    const target = await start({ limits: { bytes: 1000, discardBytes: 100_000 } });
    const socket = await connect(target);
    const closed = closeOf(socket);
    socket.write(
      `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: ${PROTOBUF}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    let sent = 0;
    const more = (): void => {
      while (sent < 1000 && !socket.destroyed) {
        sent++;
        if (!socket.write(chunk)) break;
      }
    };
    socket.on('drain', more);
    socket.resume();
    more();
    await closed;
    expect(sent).toBeLessThan(1000);
    expect(target.receiver.stats()).toMatchObject({ requests: { logs: { '413': 1 } }, inFlightBytes: 0 });
  });

  it('hold for compressed bodies before and after decompression', async () => {
    const target = await start({ limits: { bytes: 100_000, compressedBytes: 1000 } });
    const fits = gzipSync(protobuf('a'.repeat(90_000)));
    expect((await sendLogs(target, fits, { 'content-encoding': 'gzip' })).status).toBe(200);
    const bomb = gzipSync(Buffer.alloc(200_000));
    expect(bomb.length).toBeLessThan(1000);
    for (const [encoding, body] of [
      ['gzip', bomb],
      ['deflate', deflateSync(Buffer.alloc(200_000))],
      ['zstd', zstdCompressSync(Buffer.alloc(200_000))],
    ] as const) {
      expect((await sendLogs(target, body, { 'content-encoding': encoding })).status).toBe(413);
    }
    const noise = gzipSync(Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) & 255)), {
      level: 0,
    });
    expect((await sendLogs(target, noise, { 'content-encoding': 'gzip' })).status).toBe(413);
    expect(target.receiver.stats().inFlightBytes).toBe(0);
  });

  it('hold for the window that a zstd frame asks for', async () => {
    const target = await start();
    const compressed = async (windowLog: number) => {
      const stream = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
      stream.end(protobuf('a'.repeat(1000)));
      return Buffer.concat(await stream.toArray());
    };
    const headers = { 'content-encoding': 'zstd' };
    expect((await sendLogs(target, await compressed(23), headers)).status).toBe(200);
    const refused = await sendLogs(target, await compressed(27), headers);
    expect([refused.status, refused.body.toString()]).toEqual([400, expect.stringContaining('decompress')]);
  });

  it('stop a bomb when it has grown to the limit, not when it is whole', async () => {
    const target = await start({ limits: { bytes: 1 << 20 } });
    // 1 GiB of zeros: whole, it would not fit in what this process may hold.
    const member = gzipSync(Buffer.alloc(64 << 20));
    const bomb = Buffer.concat(Array.from({ length: 16 }, () => member));
    const before = process.memoryUsage().arrayBuffers;
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => sendLogs(target, bomb, { 'content-encoding': 'gzip' })),
    );
    expect(answers.map(({ status }) => status)).toEqual([413, 413, 413, 413]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(128 << 20);
  });

  it('turn requests away with 503 while too much is in flight, and take them again after', async () => {
    const target = await start({ limits: { inFlightBytes: 50_000, retryAfterSeconds: 3 } });
    const release: (() => void)[] = [];
    const held = new Promise<void>((entered) => {
      target.store.behaviour = () => {
        entered();
        return new Promise((resolve) => release.push(() => resolve({ rejected: 0, message: '' })));
      };
    });
    const first = sendLogs(target, protobuf('a'.repeat(40_000)));
    await held;
    const announced = await sendLogs(target, protobuf('b'.repeat(40_000)), {
      'content-length': '40100',
    }).catch(() => undefined);
    expect(announced?.status ?? 503).toBe(503);
    const chunked = await sendLogs(target, protobuf('b'.repeat(40_000)));
    expect(chunked).toMatchObject({ status: 503, headers: { 'retry-after': '3' } });
    release[0]?.();
    expect((await first).status).toBe(200);
    target.store.behaviour = async () => ({ rejected: 0, message: '' });
    expect((await sendLogs(target, protobuf('b'.repeat(40_000)))).status).toBe(200);
    // One request alone may be larger than what all may hold together.
    expect((await sendLogs(target, protobuf('c'.repeat(60_000)))).status).toBe(200);
  });

  it('end a body that does not come', async () => {
    const target = await start({ limits: { bodyTimeoutMs: 30 } });
    const socket = await connect(target);
    socket.write(
      `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: ${JSON_TYPE}\r\nContent-Length: 10\r\n\r\n{`,
    );
    const closed = closeOf(socket);
    expect(await readUntil(socket, /"code"/g, 1)).toMatch(/^HTTP\/1.1 408 /);
    // And the connection does not stay for the rest.
    await closed;
    expect(target.receiver.stats().requests.logs).toEqual({ '408': 1 });
  });
});

describe('senders that behave badly', () => {
  it('may hang up in the middle of a body without harm', async () => {
    const target = await start();
    const socket = await connect(target);
    socket.write(
      `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: ${PROTOBUF}\r\nContent-Length: 100\r\n\r\n123`,
    );
    // A second request on its own connection shows that the first is being read.
    expect((await sendLogs(target, protobuf('a'))).status).toBe(200);
    socket.resetAndDestroy();
    await waitFor(() => target.receiver.stats().requests.logs['aborted'] === 1, target);
    expect(target.receiver.stats()).toMatchObject({ inFlightBytes: 0, requests: { logs: { '200': 1 } } });
    expect(target.store.appended).toHaveLength(1);
  });

  it('get an error for less than the announced length and no mix of bodies for more', async () => {
    const target = await start();
    const body = JSON.stringify(toJson(logs('a')));
    const head = (length: number): string =>
      `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: ${JSON_TYPE}\r\nContent-Length: ${length}\r\n\r\n`;
    const long = await connect(target);
    long.write(`${head(body.length)}${body}trailing`);
    expect(await readUntil(long, /HTTP\/1.1 400 /g, 1)).toContain('400');
    const short = await connect(target);
    short.end(`${head(body.length + 5)}${body}`);
    await waitFor(() => target.receiver.stats().requests.logs['aborted'] === 1, target);
    for (const { request } of target.store.appended) expect(bodiesOf(request)).toEqual(['a']);
  });

  it('may send requests one behind the other without waiting', async () => {
    const target = await start();
    const socket = await connect(target);
    const one = (text: string): string => {
      const body = JSON.stringify(toJson(logs(text)));
      return `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: ${JSON_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    };
    socket.write(one('a') + one('b') + one('c'));
    const text = await readUntil(socket, /\{\}/g, 3);
    socket.destroy();
    expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(3);
    expect(
      target.store.appended
        .flatMap(({ request }) => bodiesOf(request))
        .map(String)
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(['a', 'b', 'c']);
  });

  it('may be a hundred at a time', async () => {
    const target = await start();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        i % 2 === 0
          ? sendLogs(target, protobuf(`${i}`))
          : sendLogs(target, gzipSync(protobuf(`${i}`)), { 'content-encoding': 'gzip' }),
      ),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const got = target.store.appended.flatMap(({ request }) => bodiesOf(request)).map(Number);
    expect(got.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(target.receiver.stats()).toMatchObject({
      accepted: { logRecords: 100 },
      requests: { logs: { '200': 100 } },
      inFlightBytes: 0,
    });
  });
});

describe('the counts', () => {
  it('tell requests by signal and status, bytes and items', async () => {
    const target = await start();
    const body = protobuf('a'.repeat(500), 'b');
    const zipped = gzipSync(body);
    await sendLogs(target, zipped, { 'content-encoding': 'gzip' });
    await send(target, '/v1/traces', { headers: { 'content-type': JSON_TYPE }, body: '[' });
    await send(target, '/v1/metrics', { method: 'GET' });
    expect(target.receiver.stats()).toEqual({
      requests: { logs: { '200': 1 }, traces: { '400': 1 }, metrics: { '405': 1 } },
      receivedBytes: zipped.length + 1,
      decompressedBytes: body.length + 1,
      accepted: { points: 0, spans: 0, logRecords: 2 },
      rejected: { points: 0, spans: 0, logRecords: 0 },
      inFlightBytes: 0,
    });
  });
});

/** Waits for something that the server does after an event of the client; each turn is a round trip to it. */
async function waitFor(condition: () => boolean, target: Receiving): Promise<void> {
  for (let turn = 0; turn < 1000 && !condition(); turn++) await send(target, '/elsewhere', { method: 'GET' });
  expect(condition()).toBe(true);
}
