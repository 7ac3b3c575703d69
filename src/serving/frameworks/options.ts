import { ENV } from '../../conventions/index.ts';
import type { ObserveExchange } from '../http/exchange-observer.ts';
import { observeOpenAi } from '../openai/index.ts';

/** Options of every framework adapter. */
export interface AdapterOptions {
  /**
   * Further paths whose exchanges are OpenAI-style generations, beside `/v1/chat/completions`, `/v1/completions` and
   * `/v1/responses`: ends of paths, e.g. `['/generate']`. Default LLM_OTEL_LLM_ROUTES.
   */
  routes?: readonly string[];
}

/** The same reading of requests and replies that `llm-otel/register` does. */
export function observerOf(options: AdapterOptions | undefined): ObserveExchange {
  return observeOpenAi({ routes: options?.routes?.join(',') ?? process.env[ENV.llmRoutes.name] });
}
