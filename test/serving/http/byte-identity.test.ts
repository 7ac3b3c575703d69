import { serve as serveHono } from '@hono/node-server';
import compression from 'compression';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { stream, streamSSE } from 'hono/streaming';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Server as NetServer } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { exchange, listen, request, startRecording } from './recording.ts';

const TOKENS = [
  'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n',
  ': ping\n\n',
  'data: {"choices":[{"delta":{"content":"hé"}}]}\n\n',
  'data: [DONE]\n\n',
];
const tick = () => new Promise(setImmediate);
const source = () => Readable.from(TOKENS.map((token) => Buffer.from(token)));

interface Running {
  port: number;
  close: (this: void) => void | Promise<void>;
}
async function plain(handler: RequestListener): Promise<Running> {
  const server: Server = createServer(handler);
  return { port: await listen(server), close: () => void server.close() };
}

/** Programs of every kind that write replies; each is run without and with the instrumentation. */
const PROGRAMS: Record<string, () => Promise<Running>> = {
  'write and end': () =>
    plain((_request, response) => {
      void (async () => {
        response.setHeader('X-B', '1');
        response.setHeader('x-a', ['2', '3']);
        for (const token of TOKENS) {
          response.write(token);
          await tick();
        }
        response.addTrailers({ 'x-trailer': 't' });
        response.end('last');
      })();
    }),
  'one byte a chunk': () =>
    plain((_request, response) => {
      void (async () => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        for (const byte of Buffer.from(TOKENS.join(''))) {
          response.write(Uint8Array.of(byte));
          if (byte === 10) await tick();
        }
        response.end();
      })();
    }),
  'encodings and callbacks': () =>
    plain((_request, response) => {
      response.write('aGk=', 'base64', () =>
        response.write('e9', 'hex', () => response.end('fin', 'latin1')),
      );
    }),
  'echo of the body': () => plain((message, response) => void message.pipe(response)),
  'a reply before the body': () =>
    plain((_message, response) => response.writeHead(413, ['Connection', 'close']).end('no')),
  'async iteration of the body': () =>
    plain((message, response) => {
      void (async () => {
        const parts: Buffer[] = [];
        for await (const part of message) parts.push(part as Buffer);
        response.end(String(Buffer.concat(parts).length));
      })();
    }),
  pipe: () => plain((_request, response) => void source().pipe(response)),
  pipeline: () => plain((_request, response) => void pipeline(source(), createGzip(), response)),
  'Writable.toWeb': () =>
    plain(
      (_request, response) =>
        void Readable.toWeb(source()).pipeTo(Writable.toWeb(response) as WritableStream),
    ),
  'no content': () => plain((_request, response) => response.writeHead(204).end()),
  'not modified': () =>
    plain((_request, response) => response.writeHead(304, { etag: '"x"' }).end('ignored')),
  'status and raw headers': () =>
    plain((_request, response) => response.writeHead(201, 'Made', ['A', '1', 'b', '2']).end()),
  'early hints': () =>
    plain((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('ok');
    }),
  express: async () => {
    const app = express();
    app.use(express.json());
    app.post('/v1/chat/completions', (_request, response) => {
      response.type('text/event-stream');
      for (const token of TOKENS) response.write(token);
      response.end();
    });
    app.all('/json', (message, response) => void response.json({ got: (message.body as unknown) ?? null }));
    app.all('/send', (_request, response) => void response.send('text'));
    const server = app.listen(0, '127.0.0.1');
    return { port: await bound(server), close: () => void server.close() };
  },
  'express with compression': async () => {
    const app = express();
    app.use(compression({ threshold: 0 }));
    app.use((_request, response) => void source().pipe(response.type('text/event-stream')));
    const server = app.listen(0, '127.0.0.1');
    return { port: await bound(server), close: () => void server.close() };
  },
  fastify: async () => {
    const app = fastify();
    app.all('/send', () => ({ a: 1 }));
    app.all('/stream', (_request, reply) => reply.type('text/event-stream').send(source()));
    app.all('/web', (_request, reply) => reply.send(Readable.toWeb(source())));
    app.all('/v1/chat/completions', (_request, reply) => {
      reply.hijack();
      for (const token of TOKENS) reply.raw.write(token);
      reply.raw.end();
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: (app.server.address() as { port: number }).port, close: () => app.close() };
  },
  hono: async () => {
    const app = new Hono();
    app.all('/text', (c) => c.text('hi'));
    app.all('/json', (c) => c.json({ a: 1 }));
    app.all('/stream', (c) =>
      stream(c, async (out) => {
        for (const token of TOKENS) await out.write(token);
      }),
    );
    app.all('/v1/chat/completions', (c) => {
      const reply = streamSSE(c, async (out) => {
        for (const token of TOKENS) await out.writeSSE({ data: token.trim() });
      });
      // It asks for a connection that is kept, whatever the client wants.
      reply.headers.set('connection', 'close');
      return reply;
    });
    const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
    return { port: await bound(server), close: () => void server.close() };
  },
};
const PATHS: Record<string, string[]> = {
  express: ['/v1/chat/completions', '/json', '/send', '/none'],
  fastify: ['/v1/chat/completions', '/send', '/stream', '/web', '/none'],
  hono: ['/v1/chat/completions', '/text', '/json', '/stream', '/none'],
};

function bound(server: NetServer): Promise<number> {
  const port = () => (server.address() as { port: number }).port;
  return server.listening
    ? Promise.resolve(port())
    : new Promise((resolve) => server.once('listening', () => resolve(port())));
}

const BODY = JSON.stringify({ model: 'm', stream: true, messages: [{ content: 'hé'.repeat(20_000) }] });

async function transcript(start: () => Promise<Running>, paths: string[]): Promise<string[]> {
  const { port, close } = await start();
  const replies: string[] = [];
  for (const path of paths) {
    const json = ['Content-Type: application/json', 'Accept-Encoding: gzip'];
    replies.push(
      await exchange(port, request('GET', path, undefined, ['Accept-Encoding: gzip'])),
      await exchange(port, request('HEAD', path)),
      await exchange(port, request('POST', path, BODY, json)),
      await exchange(port, request('POST', path, BODY, [...json, 'Expect: 100-continue'])),
    );
    // Two requests on one connection, sent at once.
    const first = request('POST', path, '{}', json).replace('Connection: close\r\n', '');
    replies.push(await exchange(port, first, request('GET', path)));
  }
  await close();
  return replies.map((reply) =>
    reply.replaceAll(/^date: .*$/gim, 'date: D').replaceAll(/localhost:\d+|127.0.0.1:\d+/g, 'H'),
  );
}

describe('the bytes of a reply', () => {
  it.each(Object.keys(PROGRAMS))('are the same with and without the instrumentation: %s', async (name) => {
    const start = PROGRAMS[name] as () => Promise<Running>;
    const paths = PATHS[name] ?? ['/v1/chat/completions'];
    const without = await transcript(start, paths);
    const recording = startRecording();
    try {
      expect(await transcript(start, paths)).toEqual(without);
    } finally {
      recording.stop();
    }
    expect(without.join('').length).toBeGreaterThan(100);
    // The instrumentation did look: the comparison would say nothing otherwise.
    expect(recording.spans.ended.length).toBeGreaterThan(0);
  });
});

describe('the flow of a reply', () => {
  it('tells the program the same back-pressure and drain, with and without', async () => {
    const observe = async () => {
      const seen: unknown[] = [];
      const { port, close } = await plain((message, response) => {
        message.resume().on('end', () => {
          seen.push(response.write('x'), response.write(Buffer.alloc(16)), response.writableLength > 0);
          seen.push(response.write(Buffer.alloc(8_000_000)));
          response.on('drain', () => {
            seen.push('drain');
            seen.push(response.end('end') === response, response.write('late'));
          });
          response.on('error', (error: NodeJS.ErrnoException) => seen.push(error.code));
        });
      });
      await exchange(port, request('POST', '/v1/chat/completions', '{}'));
      await close();
      return seen;
    };
    const without = await observe();
    const recording = startRecording();
    expect(await observe()).toEqual(without);
    recording.stop();
    expect(without).toContain('drain');
    expect(without).toContain(false);
  });
  it('leaves a request body alone that nobody reads', async () => {
    const recording = startRecording();
    let flowing: unknown = 'unset';
    const { port, close } = await plain((message, response) => {
      setImmediate(() => {
        flowing = [message.readableFlowing, message.listenerCount('data'), message.listenerCount('end')];
        response.end();
      });
    });
    await exchange(port, request('POST', '/v1/chat/completions', '{}'));
    await close();
    recording.stop();
    expect(flowing).toEqual([null, 0, 0]);
  });
  it('leaves upgrades and CONNECT alone', async () => {
    const recording = startRecording();
    const server = createServer();
    server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nhello'));
    const port = await listen(server);
    const reply = await exchange(
      port,
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    server.close();
    recording.stop();
    expect(reply).toBe('HTTP/1.1 101 Switching Protocols\r\n\r\nhello');
    expect(recording.spans.ended).toHaveLength(0);
  });
});
