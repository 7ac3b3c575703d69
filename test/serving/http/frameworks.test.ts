import express from 'express';
import fastify from 'fastify';
import { trace } from '@opentelemetry/api';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exchange, type Recording, request, startRecording } from './recording.ts';

let recording: Recording;
beforeAll(() => {
  recording = startRecording();
});
afterAll(() => recording.stop());
afterEach(() => {
  recording.spans.ended.length = 0;
});

async function withExpress(build: (app: express.Express) => void, run: (port: number) => Promise<void>) {
  const app = express();
  build(app);
  const server: Server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await run((server.address() as { port: number }).port);
  server.close();
}

describe('http.route', () => {
  it('of Express is the path of the route, below where its router is mounted', async () => {
    const router = express.Router();
    router.get('/items/:id', (_request, response) => void response.send('x'));
    await withExpress(
      (app) => app.use('/shop/:tenant', router).get('/', (_request, response) => void response.send('root')),
      async (port) => {
        await exchange(port, request('GET', '/shop/42/items/7'));
        await exchange(port, request('GET', '/'));
        await exchange(port, request('GET', '/none/such'));
        const span = await recording.spans.server('/shop/42/items/7');
        expect(span.name).toBe('GET /shop/:id/items/:id');
        expect(span.attributes['http.route']).toBe('/shop/:id/items/:id');
        expect((await recording.spans.server('/')).name).toBe('GET /');
        expect((await recording.spans.server('/none/such')).name).toBe('GET');
      },
    );
  });
  it('of Fastify is what its router says', async () => {
    const app = fastify();
    app.get('/items/:id', () => 'x');
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { port: number };
    await exchange(port, request('GET', '/items/7'));
    expect((await recording.spans.server('/items/7')).name).toBe('GET /items/:id');
    await app.close();
  });
});

describe('the context in a framework', () => {
  it('of Express holds after its body parser', async () => {
    let seen: string | undefined;
    await withExpress(
      (app) =>
        app.use(express.json()).post('/parsed', async (_request, response) => {
          await Promise.resolve();
          seen = trace.getActiveSpan()?.spanContext().spanId;
          response.end();
        }),
      (port) =>
        exchange(port, request('POST', '/parsed', '{"a":1}', ['Content-Type: application/json'])).then(
          () => undefined,
        ),
    );
    expect(seen).toBe((await recording.spans.server('/parsed')).spanContext().spanId);
  });
  it('of Fastify holds after its body parser', async () => {
    let seen: string | undefined;
    const app = fastify();
    app.post('/parsed', () => {
      seen = trace.getActiveSpan()?.spanContext().spanId;
      return 'x';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { port: number };
    await exchange(port, request('POST', '/parsed', '{"a":1}', ['Content-Type: application/json']));
    await app.close();
    expect(seen).toBe((await recording.spans.server('/parsed')).spanContext().spanId);
  });
});
