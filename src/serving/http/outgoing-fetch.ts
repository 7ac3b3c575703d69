import {
  type Attributes,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ATTR } from '../../conventions/index.ts';
import { methodIndex, methodName, OTHER_METHOD } from './methods.ts';
import { redactQuery } from './redact-query.ts';
import { reportOnce } from './report-once.ts';

/** A request as undici publishes it (undici docs, "Diagnostics Channel Support"). */
interface UndiciRequest {
  method: string;
  origin: string | URL;
  path: string;
  /** Undici 6: an array of names and values; before: a text of header lines. */
  headers: string | readonly unknown[];
  addHeader(name: string, value: string): void;
}
interface UndiciMessage {
  request: UndiciRequest;
  response?: { statusCode: number };
  error?: Error & { code?: string };
}

const URL_FULL = 'url.full';

/**
 * CLIENT spans for `fetch` and undici, with the trace context in the request's headers, by undici's diagnostics
 * channels: no patch. Returns the way to stop.
 */
export function startFetchSpans(tracer: Tracer): () => void {
  const spans = new WeakMap<UndiciRequest, Span>();
  const end = (request: UndiciRequest, finish?: (span: Span) => void) => {
    const span = spans.get(request);
    if (!span) return;
    spans.delete(request);
    finish?.(span);
    span.end();
  };
  const handlers: Readonly<Record<string, (message: UndiciMessage) => void>> = {
    'undici:request:create': ({ request }) => {
      const active = context.active();
      // Somebody else's instrumentation, or the caller, has put the trace context there already.
      if (isTracingSuppressed(active) || hasHeader(request, 'traceparent')) return;
      const span = tracer.startSpan(spanName(request), {
        kind: SpanKind.CLIENT,
        attributes: describe(request),
      });
      spans.set(request, span);
      propagation.inject(trace.setSpan(active, span), request, {
        set: (carrier, name, value) => carrier.addHeader(name, value),
      });
    },
    'undici:request:headers': ({ request, response }) => {
      const span = spans.get(request);
      if (!span || !response) return;
      span.setAttribute(ATTR.httpResponseStatusCode, response.statusCode);
      if (response.statusCode < 400) return;
      span.setAttribute(ATTR.errorType, String(response.statusCode));
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    'undici:request:trailers': ({ request }) => end(request),
    'undici:request:error': ({ request, error }) =>
      end(request, (span) => {
        // The caller gave up: an outcome, not an error.
        if (error?.name === 'AbortError') {
          span.setAttribute(ATTR.outcome, 'aborted');
          return;
        }
        span.setAttribute(ATTR.errorType, error?.code ?? error?.name ?? 'error');
        span.setStatus({ code: SpanStatusCode.ERROR, message: error?.message });
      }),
  };
  const stops = Object.entries(handlers).map(([name, handle]) => {
    const listener = (message: unknown) => {
      try {
        handle(message as UndiciMessage);
      } catch (error) {
        reportOnce('an outgoing request could not be recorded', error);
      }
    };
    subscribe(name, listener);
    return () => unsubscribe(name, listener);
  });
  return () => {
    for (const stop of stops) stop();
  };
}

function spanName(request: UndiciRequest): string {
  const method = methodName(methodIndex(request.method));
  return method === OTHER_METHOD ? 'HTTP' : method;
}

function describe(request: UndiciRequest): Attributes {
  const method = methodName(methodIndex(request.method));
  const url = new URL(request.path, request.origin);
  if (url.search !== '') url.search = redactQuery(url.search.slice(1));
  return {
    [ATTR.httpRequestMethod]: method,
    ...(method === OTHER_METHOD && { [ATTR.httpRequestMethodOriginal]: request.method }),
    [URL_FULL]: url.href,
    [ATTR.serverAddress]: url.hostname,
    [ATTR.serverPort]: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    [ATTR.urlScheme]: url.protocol.slice(0, -1),
  };
}

function hasHeader({ headers }: UndiciRequest, name: string): boolean {
  if (typeof headers === 'string') return new RegExp(`^${name}:`, 'im').test(headers);
  return headers.some((entry, index) => index % 2 === 0 && String(entry).toLowerCase() === name);
}
