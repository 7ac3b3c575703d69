import type { IncomingMessage, ServerResponse } from 'node:http';
import { expressRoute } from '../http/route.ts';
import { adaptNode } from './node-exchange.ts';
import { type AdapterOptions, observerOf } from './options.ts';

/** Shaped like Express' own type, so that `app.use` takes it; no dependency on Express. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Middleware for Express 5 (and 4, and Connect): records OpenAI-style exchanges as generations. Put it before
 * compression and body parsers. With `llm-otel/register` it may stay: nothing is counted twice.
 *
 * @example
 * app.use(expressMiddleware());
 */
export function expressMiddleware(options?: AdapterOptions): ExpressMiddleware {
  const observe = observerOf(options);
  return (request, response, next) => {
    adaptNode(request, response, observe, () => expressRoute(request)).run(() => next());
  };
}
