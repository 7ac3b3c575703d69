import { diag } from '@opentelemetry/api';
import { IncomingMessage, ServerResponse } from 'node:http';
import { currentRequestScope } from '../http/request-scope.ts';
import { adaptNode } from './node-exchange.ts';
import { type AdapterOptions, observerOf } from './options.ts';
import { WebExchange } from './web-exchange.ts';

/** What is used of Hono's context; no dependency on Hono. */
export interface HonoContextLike {
  readonly env: unknown;
  readonly req: {
    readonly raw: Request;
    readonly routeIndex?: number;
    readonly matchedRoutes?: readonly { readonly path: string }[];
  };
  res: Response;
  readonly error?: Error | undefined;
}

/**
 * Middleware for Hono, on Node (`@hono/node-server`) and elsewhere: records OpenAI-style exchanges as generations, and
 * tells the route to the server instrumentation. With `llm-otel/register` it may stay: nothing is counted twice.
 *
 * @example
 * app.use(honoMiddleware());
 */
export function honoMiddleware(
  options?: AdapterOptions,
): (context: HonoContextLike, next: () => Promise<void>) => Promise<void> {
  const observe = observerOf(options);
  return async (context, next) => {
    const { incoming, outgoing } = (context.env ?? {}) as { incoming?: unknown; outgoing?: unknown };
    if (incoming instanceof IncomingMessage && outgoing instanceof ServerResponse) {
      const adapted = adaptNode(incoming, outgoing, observe);
      await adapted.run(next);
      adapted.setRoute(routeOf(context));
      return;
    }
    const scope = currentRequestScope();
    if (scope) {
      await next();
      scope.route ??= routeOf(context);
      return;
    }
    let exchange: WebExchange | undefined;
    try {
      exchange = new WebExchange(context.req.raw, observe);
    } catch (error) {
      diag.warn(`llm-otel: a request could not be recorded: ${String(error)}`);
    }
    if (!exchange) {
      await next();
      return;
    }
    await exchange.run(next);
    const route = routeOf(context);
    if (route !== undefined) exchange.route = route;
    const { res } = context;
    const tapped = await exchange.reply(res);
    if (tapped !== res) {
      // Hono copies the headers of a response that is replaced onto the new one; it must not find the old one.
      context.res = undefined as unknown as Response;
      context.res = tapped;
    }
  };
}

/** The path of the handler that answered; undefined when none matched but middleware (`*`). */
function routeOf({ req }: HonoContextLike): string | undefined {
  try {
    const path = req.matchedRoutes?.[req.routeIndex ?? 0]?.path;
    return path === undefined || path.endsWith('*') ? undefined : path;
  } catch {
    return undefined; // a later Hono has it elsewhere: the route is an extra
  }
}
