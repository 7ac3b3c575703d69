import type { TextMapPropagator } from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import type { EnvironmentReader } from './environment-reader.ts';

const PROPAGATORS: Readonly<Record<string, () => TextMapPropagator>> = {
  tracecontext: () => new W3CTraceContextPropagator(),
  baggage: () => new W3CBaggagePropagator(),
};
const DEFAULT_PROPAGATORS = ['tracecontext', 'baggage'];

/** The propagators of OTEL_PROPAGATORS; null for `none`. */
export function resolvePropagator(environment: EnvironmentReader): TextMapPropagator | null {
  const named = environment.list('OTEL_PROPAGATORS') ?? DEFAULT_PROPAGATORS;
  if (named.includes('none')) return null;
  const unknown = named.filter((name) => !(name in PROPAGATORS));
  if (unknown.length > 0)
    environment.warn(
      `OTEL_PROPAGATORS: ${unknown.join(', ')} is not known here; accepted are tracecontext, baggage and none (b3 and jaeger are not part of llm-otel: set them up in a SDK of your own and llm-otel attaches to it)`,
    );
  let known = named.filter((name) => name in PROPAGATORS);
  if (known.length === 0) known = DEFAULT_PROPAGATORS;
  return new CompositePropagator({
    propagators: [...new Set(known)].map((name) => (PROPAGATORS[name] as () => TextMapPropagator)()),
  });
}
