import { diag } from '@opentelemetry/api';
import { type AdapterOptions, observerOf } from './options.ts';
import { WebExchange } from './web-exchange.ts';

/**
 * Wraps a handler of Web `Request` and `Response` (Next route handlers, Deno, Bun, `Hono.fetch`): records OpenAI-style
 * exchanges as generations. Further arguments are passed on.
 *
 * @example
 * export const POST = instrumentFetchHandler(async (request) => new Response(stream));
 */
export function instrumentFetchHandler<Rest extends unknown[]>(
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options?: AdapterOptions,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const observe = observerOf(options);
  return async (request, ...rest) => {
    let exchange: WebExchange | undefined;
    try {
      exchange = new WebExchange(request, observe);
    } catch (error) {
      diag.warn(`llm-otel: a request could not be recorded: ${String(error)}`);
    }
    if (!exchange) return handler(request, ...rest);
    let response: Response;
    try {
      response = await exchange.run(() => handler(request, ...rest));
    } catch (error) {
      exchange.failed(error);
      throw error;
    }
    return exchange.reply(response);
  };
}
