import { trace } from '@opentelemetry/api';
import type { ObserveExchange } from './exchange-observer.ts';
import { HTTP_SCOPE, HttpMetrics } from './http-metrics.ts';
import { recordOf, watchHttp1 } from './http1-server.ts';
import { recordOfHttp2, watchHttp2 } from './http2-server.ts';
import { startFetchSpans } from './outgoing-fetch.ts';
import { startInstrumentationHttp } from './outgoing-http.ts';
import { watchFastifyRoutes } from './route.ts';

export type {
  ExchangeEnd,
  ExchangeObserver,
  ObservedReply,
  ObservedRequest,
  ObserveExchange,
} from './exchange-observer.ts';
export { currentRequestScope, type RequestScope } from './request-scope.ts';

/** Who instruments servers; the values of LLM_OTEL_HTTP_SERVER. */
export const SERVER_MODES = ['diagnostics-channel', 'instrumentation-http', 'none'] as const;
export type ServerMode = (typeof SERVER_MODES)[number];

export interface HttpOptions {
  /**
   * `diagnostics-channel` (default): our own instrumentation. `instrumentation-http`: theirs makes the span, ours
   * adds to it. `none`: servers are left alone.
   */
  server?: ServerMode;
  /** Spans of outgoing requests. Default true. */
  client?: boolean;
  /** Gives an observer for the exchanges whose bytes are to be read. Default: none is read. */
  observe?: ObserveExchange;
}

/** Starts the HTTP instrumentation of this process, servers and clients. Returns the way to stop. */
export function startHttp(options: HttpOptions = {}): () => void {
  const server = options.server ?? 'diagnostics-channel';
  const client = options.client ?? true;
  const tracer = trace.getTracer(HTTP_SCOPE);
  const stops: (() => void)[] = [];
  if (client || server === 'instrumentation-http') {
    stops.push(startInstrumentationHttp({ incoming: server === 'instrumentation-http', outgoing: client }));
  }
  if (client) stops.push(startFetchSpans(tracer));
  if (server !== 'none') {
    const recording = { tracer, metrics: new HttpMetrics(), observe: options.observe ?? (() => undefined) };
    stops.push(
      watchHttp1(recording),
      watchHttp2(recording),
      watchFastifyRoutes((raw) => recordOf(raw) ?? recordOfHttp2(raw)),
    );
  }
  return () => {
    for (const stop of stops.toReversed()) stop();
  };
}
