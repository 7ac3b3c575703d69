import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AdaptedRequest, adaptNode } from './node-exchange.ts';
import { type AdapterOptions, observerOf } from './options.ts';

/** What is used of Fastify; no dependency on it. */
export interface FastifyLike {
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequestLike, reply: FastifyReplyLike, done: (error?: Error) => void) => void,
  ): unknown;
}
interface FastifyRequestLike {
  readonly raw: object;
  readonly routeOptions?: { readonly url?: string | undefined };
}
interface FastifyReplyLike {
  readonly raw: object;
}

/**
 * Plugin for Fastify 5: records OpenAI-style exchanges of the whole server as generations. With `llm-otel/register` it
 * may stay: nothing is counted twice.
 *
 * @example
 * await app.register(fastifyPlugin);
 */
export function fastifyPlugin(
  fastify: FastifyLike,
  options: AdapterOptions | undefined,
  done: (error?: Error) => void,
): void {
  const observe = observerOf(options);
  fastify.addHook('onRequest', (request, reply, next) => {
    // Over HTTP/2 the raw objects are those of the compatibility API.
    const adapted: AdaptedRequest = adaptNode(
      request.raw as IncomingMessage,
      reply.raw as ServerResponse,
      observe,
    );
    adapted.setRoute(request.routeOptions?.url);
    adapted.run(() => next());
  });
  done();
}
// Fastify: the hook is for the server that registers the plugin, not for a scope of its own.
Object.assign(fastifyPlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'llm-otel',
});
