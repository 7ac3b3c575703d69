import { context, createContextKey } from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';

/** What the server instrumentation knows of the request that the running code serves. */
export interface RequestScope {
  /**
   * True once the program records a generation of this request itself: the automatic one then stands back (what it
   * had begun is taken back), so that nothing is counted twice.
   */
  explicitGeneration: boolean;
  /** When the request was received, `performance.now()` milliseconds. */
  readonly startTime: number;
  /** `http.route`, when a framework adapter knows it: what is set here wins over what is found without one. */
  route?: string;
}

/** Where the scope stands in the OpenTelemetry context. */
export const REQUEST_SCOPE = createContextKey('llm-otel request scope');

/**
 * For requests whose span belongs to another instrumentation: it replaces the whole OpenTelemetry context, so that
 * the scope must travel beside it.
 */
export const foreignScopes = new AsyncLocalStorage<RequestScope>();

/** The scope of the request that this code serves; undefined outside of a request that the instrumentation sees. */
export function currentRequestScope(): RequestScope | undefined {
  return (context.active().getValue(REQUEST_SCOPE) as RequestScope | undefined) ?? foreignScopes.getStore();
}
