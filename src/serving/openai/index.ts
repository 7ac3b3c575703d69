import { servingSettings } from '../generation/settings.ts';
import type { ObserveExchange } from '../http/exchange-observer.ts';
import { GenerationExchange } from './generation-exchange.ts';
import { matchRoute, OPENAI_ROUTES, parseRoutes } from './routes.ts';

export { matchRoute, OPENAI_ROUTES, parseRoutes, type LlmRoute } from './routes.ts';
export { SseParser, type SseEvent } from './sse-parser.ts';

export interface OpenAiOptions {
  /** Further routes, comma-separated, as in LLM_OTEL_LLM_ROUTES. */
  routes?: string | undefined;
}

/** Reads the exchanges on OpenAI-style routes as generations: for `startHttpServer({observe})`. */
export function observeOpenAi(options: OpenAiOptions = {}): ObserveExchange {
  const routes = [...OPENAI_ROUTES, ...parseRoutes(options.routes)];
  return (request) => {
    if (request.method !== 'POST') return undefined;
    const route = matchRoute(request.path, routes);
    return route && new GenerationExchange(request, route, servingSettings().captureContent);
  };
}
