import { serve } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  expressMiddleware,
  fastifyPlugin,
  type Generation,
  honoMiddleware,
  instrumentHandler,
  startGeneration,
} from '../../../src/serving/index.ts';

/** What the handlers of all servers do, by the model that is asked for. */
export interface Asked {
  model: string;
  stream?: boolean;
  /** The handler records the generation itself. */
  explicit?: boolean;
  /** The handler sends nothing more after the first token until it is told to. */
  hang?: boolean;
}

export const ROUTE = '/api/v1/chat/completions';

/** Generations that handlers have started themselves, by model. */
export const explicit = new Map<string, Generation>();

export function sseReply(model: string): string[] {
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', model, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  return [
    ': keep-alive\n\n',
    chunk({ role: 'assistant', content: '' }),
    chunk({ content: 'Hel' }),
    chunk({ content: 'lo' }),
    chunk({}, 'stop'),
    `data: ${JSON.stringify({ id: 'c1', model, choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } })}\n\n`,
    'data: [DONE]\n\n',
  ];
}
export function jsonReply(model: string): object {
  return {
    id: 'c1',
    object: 'chat.completion',
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'length' }],
    usage: { prompt_tokens: 9, completion_tokens: 5 },
  };
}

async function answer(asked: Asked, response: ServerResponse): Promise<void> {
  if (asked.explicit) begin(asked);
  if (!asked.stream) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(jsonReply(asked.model)));
  } else {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of sseReply(asked.model)) {
      response.write(piece);
      if (asked.hang && piece.includes('Hel')) return;
    }
    response.end();
  }
  explicit.get(asked.model)?.end({ outputTokens: 77 });
}
function begin(asked: Asked): void {
  explicit.set(asked.model, startGeneration({ model: asked.model }));
}

export interface RunningServer {
  url: string;
  close(): Promise<void>;
}
export type StartServer = (instrumented: boolean) => Promise<RunningServer>;

async function listening(server: Server): Promise<RunningServer> {
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${ROUTE}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const bare = async (request: IncomingMessage, response: ServerResponse): Promise<void> =>
  answer(JSON.parse(await text(request)) as Asked, response);

/** Every way to instrument a server by hand; the value is whether the framework tells the route. */
export const SERVERS: Readonly<Record<string, { start: StartServer; route: string | undefined }>> = {
  'a bare handler': {
    route: undefined,
    start: (instrumented) => listening(createServer(instrumented ? instrumentHandler(bare) : bare)),
  },
  Express: {
    route: ROUTE,
    start: (instrumented) => {
      const app = express();
      if (instrumented) app.use(expressMiddleware());
      app.use(express.json());
      const router = express.Router();
      router.post('/v1/chat/completions', async (request, response) => {
        await answer(request.body as Asked, response);
      });
      app.use('/api', router);
      return listening(createServer(app));
    },
  },
  'Express behind its body parser': {
    route: ROUTE,
    start: (instrumented) => {
      const app = express();
      app.use(express.json());
      if (instrumented) app.use(expressMiddleware());
      app.post(ROUTE, async (request, response) => {
        await answer(request.body as Asked, response);
      });
      return listening(createServer(app));
    },
  },
  Fastify: {
    route: ROUTE,
    start: async (instrumented) => {
      const app = fastify();
      if (instrumented) await app.register(fastifyPlugin);
      app.post(ROUTE, async (request, reply) => {
        reply.hijack();
        await answer(request.body as Asked, reply.raw);
      });
      await app.listen({ port: 0, host: '127.0.0.1' });
      return {
        url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}${ROUTE}`,
        close: async () => {
          app.server.closeAllConnections();
          await app.close();
        },
      };
    },
  },
  'Hono on Node': {
    route: ROUTE,
    start: async (instrumented) => {
      const app = honoApp(instrumented);
      const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
      if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
      return listening(server);
    },
  },
};

/** Also for requests without a server: `app.request(...)`. */
export function honoApp(instrumented: boolean): Hono {
  const app = new Hono();
  if (instrumented) app.use(honoMiddleware());
  app.post(ROUTE, async (context) => {
    const asked = await context.req.json<Asked>();
    if (asked.explicit) begin(asked);
    if (!asked.stream) {
      explicit.get(asked.model)?.end({ outputTokens: 77 });
      return context.json(jsonReply(asked.model));
    }
    return streamSSE(context, async (stream) => {
      for (const piece of sseReply(asked.model)) {
        await stream.write(piece);
        if (asked.hang && piece.includes('Hel'))
          await new Promise((resolve) => stream.onAbort(() => resolve(0)));
      }
      explicit.get(asked.model)?.end({ outputTokens: 77 });
    });
  });
  return app;
}
