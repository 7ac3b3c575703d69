import { context, propagation, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { METRIC } from '../../../src/conventions/index.ts';
import { currentRequestScope } from '../../../src/serving/http/request-scope.ts';
import type { BoundHistogram, BoundUpDownCounter } from '../../../src/telemetry/instruments/bound.ts';
import { instruments } from '../../../src/telemetry/instruments/registry.ts';
import { exchange, listen, type Recording, request, startRecording } from './recording.ts';

let recording: Recording;
let server: Server;
beforeAll(() => {
  recording = startRecording();
});
afterAll(() => recording.stop());
afterEach(() => {
  server.close();
  recording.spans.ended.length = 0;
});

async function serve(handler: RequestListener): Promise<number> {
  server = createServer(handler);
  return listen(server);
}
const activeSpanId = () => trace.getActiveSpan()?.spanContext().spanId;
const series = <S>(name: string) =>
  [...(instruments.byName(name)[0]?.series() ?? [])] as unknown as (S & {
    attributes: Record<string, unknown>;
  })[];

describe('the SERVER span', () => {
  it('says what the convention asks for', async () => {
    const port = await serve((_request, response) => response.end('ok'));
    await exchange(
      port,
      request('GET', '/a/b?x=1&api_key=k&%74oken=t', undefined, [
        'User-Agent: test/1',
        'X-Forwarded-For: 10.0.0.7, 10.1.1.1',
      ]),
    );
    const span = await recording.spans.server('/a/b');
    expect(span.name).toBe('GET');
    expect(span.attributes).toMatchObject({
      'http.request.method': 'GET',
      'url.path': '/a/b',
      'url.query': 'x=1&api_key=REDACTED&%74oken=REDACTED',
      'url.scheme': 'http',
      'server.address': 'localhost',
      'server.port': 1,
      'client.address': '10.0.0.7',
      'network.peer.address': '127.0.0.1',
      'network.peer.port': expect.any(Number) as number,
      'network.protocol.version': '1.1',
      'user_agent.original': 'test/1',
      'http.response.status_code': 200,
    });
    expect(span.status.code).toBe(0);
  });
  it('is the child of the trace that the request names, with its baggage', async () => {
    let baggage: string | undefined;
    const port = await serve((_request, response) => {
      baggage = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
      response.end();
    });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = [`traceparent: 00-${traceId}-b7ad6b7169203331-01`, 'baggage: tenant=t1'];
    await exchange(port, request('GET', '/child', undefined, headers));
    const span = await recording.spans.server('/child');
    expect(span.spanContext().traceId).toBe(traceId);
    expect(span.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(baggage).toBe('t1');
  });
  it('is an error from 500 on, and not below', async () => {
    const port = await serve((message, response) => {
      response.statusCode = Number(message.url?.slice(1));
      response.end();
    });
    for (const [path, code, type] of [
      ['/404', 0, undefined],
      ['/503', 2, '503'],
    ] as const) {
      await exchange(port, request('GET', path));
      const span = await recording.spans.server(path);
      expect(span.status.code).toBe(code);
      expect(span.attributes['error.type']).toBe(type);
    }
  });
  it('does not make a name out of every word for a method', async () => {
    const port = await serve((_request, response) => response.end());
    await exchange(port, request('PROPFIND', '/odd'));
    const span = await recording.spans.server('/odd');
    expect(span.name).toBe('HTTP');
    expect(span.attributes).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'PROPFIND',
    });
  });
  it('is there for requests that no handler sees', async () => {
    const port = await serve((_request, response) => response.end());
    const raw = 'GET /nohost HTTP/1.1\r\nConnection: close\r\n\r\n';
    await exchange(port, raw);
    expect((await recording.spans.server('/nohost')).attributes['http.response.status_code']).toBe(400);
  });
  it('counts the pieces of a streamed reply, and none of a reply at once', async () => {
    const port = await serve((message, response) => {
      if (message.url === '/once') {
        response.end('all');
        return;
      }
      response.write('a');
      response.write('');
      response.write(Buffer.from('b'));
      response.end('c');
    });
    await exchange(port, request('GET', '/pieces'));
    await exchange(port, request('GET', '/once'));
    expect((await recording.spans.server('/pieces')).attributes).toMatchObject({
      'llm.serving.chunks': 3,
      'llm.serving.time_to_first_byte': expect.any(Number) as number,
    });
    expect((await recording.spans.server('/once')).attributes).not.toHaveProperty('llm.serving.chunks');
  });
  it('of a client that went away is aborted, not an error', async () => {
    const port = await serve((_request, response) => {
      response.write('begun');
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(request('GET', '/abort'));
    await once(socket, 'data');
    socket.destroy();
    const span = await recording.spans.server('/abort');
    expect(span.attributes['llm.outcome']).toBe('aborted');
    expect(span.attributes).not.toHaveProperty('error.type');
    expect(span.status.code).toBe(0);
  });
  it('of a server that gave up on its reply is an error', async () => {
    const port = await serve((_request, response) => {
      response.write('begun');
      response.destroy(Object.assign(new Error('upstream'), { code: 'ECONNREFUSED' }));
    });
    await exchange(port, request('GET', '/gave-up'));
    const span = await recording.spans.server('/gave-up');
    expect(span.attributes['error.type']).toBe('ECONNREFUSED');
    expect(span.status.code).toBe(2);
  });
  it('ends for pipelined requests whose connection breaks before their turn', async () => {
    const responses: ServerResponse[] = [];
    const port = await serve((_request, response) => {
      responses.push(response);
    });
    const socket = connect(port, '127.0.0.1');
    const all = once(server, 'request').then(() => undefined);
    socket.write('GET /p1 HTTP/1.1\r\nHost: a\r\n\r\nGET /p2 HTTP/1.1\r\nHost: a\r\n\r\n');
    await all;
    socket.destroy();
    for (const path of ['/p1', '/p2'])
      expect((await recording.spans.server(path)).attributes['llm.outcome']).toBe('aborted');
  });
});

describe('the context of a request', () => {
  /** Answers each path with the span that is active after the path's wait. */
  async function contexts(handler: (message: IncomingMessage) => Promise<void>) {
    const seen = new Map<string, string | undefined>();
    const port = await serve((message, response) => {
      void (async () => {
        await handler(message);
        seen.set(String(message.url), activeSpanId());
        response.end(message.url);
      })();
    });
    return { port, seen };
  }
  async function expectOwnSpans(seen: Map<string, string | undefined>, paths: string[]) {
    for (const path of paths) {
      const span: ReadableSpan = await recording.spans.server(path);
      expect([path, seen.get(path)]).toEqual([path, span.spanContext().spanId]);
    }
  }

  it('is the request own one after awaits, when requests are pipelined', async () => {
    const { port, seen } = await contexts(async () => {
      for (let i = 0; i < 3; i++) await new Promise(setImmediate);
    });
    const paths = Array.from({ length: 20 }, (_, i) => `/pipelined/${i}`);
    const requests = paths.map((path, i) =>
      i < 19 ? `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n` : request('GET', path),
    );
    const reply = await exchange(port, ...requests);
    expect(reply.match(/HTTP\/1.1 200/g)).toHaveLength(20);
    await expectOwnSpans(seen, paths);
  });
  it('is the request own one on a connection that is kept', async () => {
    const { port, seen } = await contexts(() => Promise.resolve());
    const socket = connect(port, '127.0.0.1');
    for (const path of ['/kept/0', '/kept/1', '/kept/2']) {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await once(socket, 'data');
    }
    socket.destroy();
    await expectOwnSpans(seen, ['/kept/0', '/kept/1', '/kept/2']);
  });
  it('holds in the events of a request body, though the parser emits them', async () => {
    const seen: (string | undefined)[] = [];
    const port = await serve((message, response) => {
      message.on('data', () => seen.push(activeSpanId()));
      message.on('end', () => {
        seen.push(activeSpanId());
        response.end();
      });
    });
    const socket = connect(port, '127.0.0.1');
    const [head, body] = request('POST', '/body', 'ab').split('\r\n\r\n') as [string, string];
    socket.write(`${head}\r\n\r\n`);
    await once(server, 'request');
    socket.resume().write(body);
    await once(socket, 'close');
    const { spanId } = (await recording.spans.server('/body')).spanContext();
    expect(seen).toEqual([spanId, spanId]);
  });
  it('does not stay active outside of the request', async () => {
    const port = await serve((_request, response) => response.end());
    await exchange(port, request('GET', '/outside'));
    expect(trace.getActiveSpan()).toBeUndefined();
    expect(currentRequestScope()).toBeUndefined();
  });
  it('can be derived from like any other', async () => {
    const key = Symbol('key');
    let derived: unknown[] = [];
    const port = await serve((_request, response) => {
      const next = context.active().setValue(key, 1);
      derived = [
        next.getValue(key),
        trace.getSpan(next) === trace.getActiveSpan(),
        next.deleteValue(key).getValue(key),
      ];
      context.with(next, () => derived.push(currentRequestScope() !== undefined));
      response.end();
    });
    await exchange(port, request('GET', '/derived'));
    expect(derived).toEqual([1, true, undefined, true]);
  });
});

describe('the metrics of servers', () => {
  it('are duration by method, status and error, and requests under way', async () => {
    const port = await serve((_request, response) => {
      response.statusCode = 507;
      response.end();
    });
    await exchange(port, request('DELETE', '/metrics'));
    await recording.spans.server('/metrics');
    const duration = series<BoundHistogram>(METRIC.httpRequestDuration.name).find(
      (entry) => entry.attributes['http.response.status_code'] === 507,
    );
    expect(duration?.attributes).toEqual({
      'http.request.method': 'DELETE',
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'http.response.status_code': 507,
      'error.type': '507',
    });
    expect(duration?.count).toBe(1);
    for (const active of series<BoundUpDownCounter>(METRIC.httpActiveRequests.name))
      expect(active.value).toBe(0);
  });
});
