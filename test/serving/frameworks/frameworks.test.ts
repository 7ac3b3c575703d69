import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { context } from '@opentelemetry/api';
import express from 'express';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { onGenerationEnd } from '../../../src/serving/generation/finished.ts';
import { startHttp } from '../../../src/serving/http/index.ts';
import { observeOpenAi } from '../../../src/serving/openai/index.ts';
import { expressMiddleware, instrumentHandler, startGeneration } from '../../../src/serving/index.ts';
import { newModel, seriesOf, total } from '../generation/recorded.ts';
import {
  type Asked,
  explicit,
  honoApp,
  jsonReply,
  ROUTE,
  type RunningServer,
  SERVERS,
  sseReply,
} from './servers.ts';

/** The next generation that ends in this process. */
function generationEnd(): Promise<void> {
  return new Promise((resolve) => {
    const stop = onGenerationEnd(() => {
      stop();
      resolve();
    });
  });
}
const post = (asked: Asked, signal?: AbortSignal): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ ...asked, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 10 }),
  ...(signal && { signal }),
});
const tokens = (model: string, type: string) =>
  total(METRIC.servingTokens, model, { [ATTR.tokenType]: type });

describe.each(Object.entries(SERVERS))('%s', (_name, { start, route }) => {
  let server: RunningServer;
  afterEach(async () => {
    await server.close();
    explicit.clear();
  });

  describe('instrumented by hand', () => {
    beforeEach(async () => {
      server = await start(true);
    });

    it('records a streamed reply: first real delta, chunks, usage, route', async () => {
      const model = newModel();
      const ended = generationEnd();
      const reply = await (await fetch(server.url, post({ model, stream: true }))).text();
      await ended;
      expect(reply).toBe(sseReply(model).join(''));
      expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'completed' })).toBe(1);
      expect(total(METRIC.timeToFirstToken, model)).toBe(1);
      expect(total(METRIC.interChunkDuration, model)).toBe(1);
      expect(total(METRIC.timePerOutputToken, model)).toBe(1);
      expect([tokens(model, 'input'), tokens(model, 'output')]).toEqual([9, 4]);
      expect(seriesOf(METRIC.requestDuration, model).map((s) => s.attributes[ATTR.httpRoute])).toEqual([
        route,
      ]);
    });

    it('records a reply in one piece', async () => {
      const model = newModel();
      const ended = generationEnd();
      const reply: unknown = await (await fetch(server.url, post({ model }))).json();
      await ended;
      expect(reply).toEqual(jsonReply(model));
      expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'length' })).toBe(1);
      expect(tokens(model, 'output')).toBe(5);
    });

    it('records an abort when the client goes away', async () => {
      const model = newModel();
      const ended = generationEnd();
      const client = new AbortController();
      const response = await fetch(server.url, post({ model, stream: true, hang: true }, client.signal));
      const reader = response.body?.getReader();
      let seen = '';
      while (!seen.includes('Hel')) seen += Buffer.from((await reader?.read())?.value ?? []).toString();
      client.abort();
      await ended;
      expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'aborted' })).toBe(1);
      expect(total(METRIC.timeToFirstToken, model)).toBe(0);
    });

    it('stands back when the handler records the generation itself', async () => {
      const model = newModel();
      const ended = generationEnd();
      await (await fetch(server.url, post({ model, explicit: true }))).text();
      await ended;
      expect(total(METRIC.servingRequests, model)).toBe(1);
      expect(tokens(model, 'output')).toBe(77);
      expect(total(METRIC.activeRequests, model)).toBe(0);
    });
  });

  describe('with the server instrumentation of register', () => {
    const manager = new AsyncLocalStorageContextManager();
    let stopHttp: () => void;
    beforeAll(() => {
      context.setGlobalContextManager(manager.enable());
      stopHttp = startHttp({ server: 'diagnostics-channel', observe: observeOpenAi() });
    });
    afterAll(() => {
      stopHttp();
      context.disable();
    });

    it.each([
      ['alone', false],
      ['and by hand', true],
    ])('gives the same numbers, %s', async (_how, instrumented) => {
      server = await start(instrumented);
      const model = newModel();
      const ended = generationEnd();
      const reply = await (await fetch(server.url, post({ model, stream: true }))).text();
      await ended;
      expect(reply).toBe(sseReply(model).join(''));
      expect(total(METRIC.servingRequests, model)).toBe(1);
      expect(total(METRIC.timeToFirstToken, model)).toBe(1);
      expect(total(METRIC.interChunkDuration, model)).toBe(1);
      expect([tokens(model, 'input'), tokens(model, 'output')]).toEqual([9, 4]);
      expect(total(METRIC.activeRequests, model)).toBe(0);
    });

    it('counts once when the handler records the generation itself', async () => {
      server = await start(true);
      const model = newModel();
      const ended = generationEnd();
      await (await fetch(server.url, post({ model, explicit: true, stream: true }))).text();
      await ended;
      expect(total(METRIC.servingRequests, model)).toBe(1);
      expect(tokens(model, 'output')).toBe(77);
      expect(total(METRIC.activeRequests, model)).toBe(0);
    });
  });
});

describe('a bare handler that reads its body by events', () => {
  it('finds its request there: what it starts then is the explicit generation', async () => {
    const model = newModel();
    let received = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      received = resolve;
    });
    const server = createServer(
      instrumentHandler((request, response) => {
        received();
        request.resume().on('end', () => {
          const generation = startGeneration({ model });
          response.end('{}');
          generation.end({ outputTokens: 77 });
        });
      }),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = httpRequest({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      path: ROUTE,
      method: 'POST',
    });
    const body = JSON.stringify({ model });
    client.write(body.slice(0, 5));
    await arrived;
    client.end(body.slice(5));
    const [response] = (await once(client, 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    expect(total(METRIC.servingRequests, model)).toBe(1);
    expect(tokens(model, 'output')).toBe(77);
  });
});

describe('an adapter that comes after something that waits', () => {
  it('still reads the body that has come meanwhile', async () => {
    const model = newModel();
    const app = express();
    app.use((request, _response, next) => {
      // As a session store or a rate limiter would: the body has come whole, and nobody has read it yet.
      const wait = (): void => (request.complete ? next() : void setImmediate(wait));
      wait();
    });
    app.use(expressMiddleware());
    app.use(express.json());
    app.post(ROUTE, (request, response) => {
      response.json(jsonReply((request.body as Asked).model));
    });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ended = generationEnd();
    const reply = await fetch(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}${ROUTE}`,
      post({ model }),
    );
    expect(await reply.json()).toEqual(jsonReply(model));
    await ended;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    expect(tokens(model, 'output')).toBe(5);
  });
});

describe('Hono without Node messages', () => {
  it('records the exchange and passes the reply through', async () => {
    const model = newModel();
    const ended = generationEnd();
    const response = await honoApp(true).request(ROUTE, post({ model, stream: true }));
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(await response.text()).toBe(sseReply(model).join(''));
    await ended;
    expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'completed' })).toBe(1);
    expect(tokens(model, 'output')).toBe(4);
    expect(seriesOf(METRIC.requestDuration, model)[0]?.attributes[ATTR.httpRoute]).toBe(ROUTE);
  });

  it('stands back when the handler records the generation itself', async () => {
    const model = newModel();
    await (await honoApp(true).request(ROUTE, post({ model, explicit: true }))).text();
    expect(total(METRIC.servingRequests, model)).toBe(1);
    expect(tokens(model, 'output')).toBe(77);
    explicit.clear();
  });
});
