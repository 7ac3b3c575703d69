/** A route whose exchanges are read as generations. */
export interface LlmRoute {
  /** The end of the path that makes a request one; begins with `/`. */
  readonly suffix: string;
  /** `gen_ai.operation.name`. */
  readonly operation: string;
}

/** OpenAI's routes, served by vLLM, llama.cpp, SGLang, Ollama, LiteLLM and many others below any prefix. */
export const OPENAI_ROUTES: readonly LlmRoute[] = [
  { suffix: '/v1/chat/completions', operation: 'chat' },
  { suffix: '/v1/completions', operation: 'text_completion' },
  { suffix: '/v1/responses', operation: 'chat' },
];

/** Routes of LLM_OTEL_LLM_ROUTES: comma-separated, a leading `/` is added where it lacks. */
export function parseRoutes(list: string | undefined): LlmRoute[] {
  return (list ?? '')
    .split(',')
    .map((route) => route.trim().replace(/\/+$/, ''))
    .filter((route) => route !== '')
    .map((route) => ({ suffix: route.startsWith('/') ? route : `/${route}`, operation: 'chat' }));
}

/** The route that a path ends with; the longest when several do. A trailing `/` does not count. */
export function matchRoute(path: string, routes: readonly LlmRoute[]): LlmRoute | undefined {
  const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  let best: LlmRoute | undefined;
  for (const route of routes) {
    if (bare.endsWith(route.suffix) && route.suffix.length > (best?.suffix.length ?? 0)) best = route;
  }
  return best;
}
