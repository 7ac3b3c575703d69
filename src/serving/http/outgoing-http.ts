import { context, type Span, SpanKind, trace } from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { SECRET_PARAMETERS } from './redact-query.ts';

export interface InstrumentationHttpOptions {
  /** Servers too (LLM_OTEL_HTTP_SERVER=instrumentation-http). Default: outgoing requests only. */
  incoming?: boolean;
  /** Default true. */
  outgoing?: boolean;
}

/**
 * Starts @opentelemetry/instrumentation-http: CLIENT spans for `node:http` and `node:https`, with the trace context
 * in the request's headers. Returns the way to stop.
 *
 * No loader: requiring the modules once lets it wrap their exports, and `syncBuiltinESMExports` shows the wrapped
 * functions to ES modules too, for default and named imports alike.
 */
export function startInstrumentationHttp(options: InstrumentationHttpOptions = {}): () => void {
  const require = createRequire(import.meta.url);
  const { request } = require('http') as { request: { __wrapped?: boolean } };
  const instrumentation = new HttpInstrumentation({
    disableIncomingRequestInstrumentation: !options.incoming,
    // Another SDK's instrumentation is there already: a second one would double every span.
    disableOutgoingRequestInstrumentation: options.outgoing === false || request.__wrapped === true,
    ignoreOutgoingRequestHook: ignoreOutgoing,
    // Its own list knows four names, and compares them as they are written.
    redactedQueryParams: [...SECRET_PARAMETERS, 'AWSAccessKeyId', 'Signature', 'X-Goog-Signature'],
    redactedQueryParamsServer: [...SECRET_PARAMETERS, 'AWSAccessKeyId', 'Signature', 'X-Goog-Signature'],
  });
  require('http');
  require('https');
  syncBuiltinESMExports();
  return () => {
    instrumentation.disable();
    syncBuiltinESMExports();
  };
}

/** Our own exports (suppressed), and requests that another instrumentation-http around ours already has a span for. */
function ignoreOutgoing(): boolean {
  const active = context.active();
  if (isTracingSuppressed(active)) return true;
  const span: (Span & { kind?: SpanKind; instrumentationScope?: { name?: string } }) | undefined =
    trace.getSpan(active);
  return (
    span?.kind === SpanKind.CLIENT &&
    span.isRecording() &&
    span.instrumentationScope?.name === '@opentelemetry/instrumentation-http'
  );
}
