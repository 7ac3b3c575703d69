import type { IncomingMessage, ServerResponse } from 'node:http';
import { adaptNode } from './node-exchange.ts';
import { type AdapterOptions, observerOf } from './options.ts';

/**
 * Wraps a bare handler of `node:http`: records OpenAI-style exchanges as generations. `this`, arguments and the
 * returned value stay as they are.
 *
 * @example
 * createServer(instrumentHandler((request, response) => { ... })).listen(8000);
 */
export function instrumentHandler<Request extends IncomingMessage, Response extends ServerResponse, Result>(
  handler: (this: unknown, request: Request, response: Response, ...rest: unknown[]) => Result,
  options?: AdapterOptions,
): (this: unknown, request: Request, response: Response, ...rest: unknown[]) => Result {
  const observe = observerOf(options);
  return function (this: unknown, request, response, ...rest) {
    return adaptNode(request, response, observe).run(() =>
      Reflect.apply(handler, this, [request, response, ...rest]),
    );
  };
}
