import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { ServerRequest } from './server-request.ts';

/** What Express leaves on a request when one of its routes matched. */
interface ExpressRequest {
  baseUrl?: unknown;
  route?: { path?: unknown };
}

/** What Fastify publishes before it calls a route's handler. */
interface FastifyHandlerStart {
  request?: { raw?: object };
  route?: { url?: unknown };
}
const FASTIFY_HANDLER = 'tracing:fastify.request.handler:start';

/**
 * `http.route` of an Express request: where its router is mounted, and the path of the route. Undefined when no
 * route matched, so that a scanner's paths never become series.
 */
export function expressRoute(request: IncomingMessage): string | undefined {
  const { route, baseUrl } = request as ExpressRequest;
  if (typeof route !== 'object' || route === null) return undefined;
  const { path } = route;
  const own =
    typeof path === 'string'
      ? path
      : Array.isArray(path)
        ? path.join('|')
        : path instanceof RegExp
          ? String(path)
          : '';
  const mounted = typeof baseUrl === 'string' && baseUrl !== '' ? withoutIds(baseUrl) : '';
  if (mounted !== '' && own === '/') return mounted;
  return mounted + own || undefined;
}

/** Express says where a router is mounted with the values in place (`/tenants/42`): numbers and ids are taken out. */
function withoutIds(baseUrl: string): string {
  return baseUrl.replaceAll(
    /\/(?:\d+|[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\/|$)/gi,
    '/:id',
  );
}

/** Takes the routes that Fastify (5 and later) publishes. Returns the way to stop. */
export function watchFastifyRoutes(find: (raw: object) => ServerRequest | undefined): () => void {
  const onHandler = (message: unknown) => {
    const { request, route } = message as FastifyHandlerStart;
    if (!request?.raw || typeof route?.url !== 'string') return;
    const record = find(request.raw);
    if (record) record.route ??= route.url;
  };
  subscribe(FASTIFY_HANDLER, onHandler);
  return () => unsubscribe(FASTIFY_HANDLER, onHandler);
}
