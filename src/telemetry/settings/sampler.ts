import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  type SpanLimits,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import type { EnvironmentReader } from './environment-reader.ts';

/** OTEL_TRACES_SAMPLER's values (OpenTelemetry SDK environment variables). */
const SAMPLERS: Readonly<Record<string, (ratio: () => number) => Sampler>> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio()),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) =>
    new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio()) }),
};
const DEFAULT_SAMPLER = 'parentbased_always_on';

/** The sampler of OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. */
export function resolveSampler(environment: EnvironmentReader): Sampler {
  const name = environment.choice('OTEL_TRACES_SAMPLER', Object.keys(SAMPLERS), DEFAULT_SAMPLER);
  const make = SAMPLERS[name] ?? (() => new AlwaysOnSampler());
  return make(() => {
    const argument = environment.text('OTEL_TRACES_SAMPLER_ARG') ?? '1';
    const ratio = Number(argument);
    if (ratio >= 0 && ratio <= 1) return ratio;
    environment.warn(
      `OTEL_TRACES_SAMPLER_ARG=${JSON.stringify(argument)} is not a number from 0 to 1; 1 is used, so every trace is kept`,
    );
    return 1;
  });
}

/** Limits of OTEL_SPAN_*_LIMIT and OTEL_ATTRIBUTE_*_LIMIT; 128 of each and values of any length by default. */
export function resolveSpanLimits(environment: EnvironmentReader): SpanLimits {
  const count = (name: string, fallback = 128): number => environment.integer(name, fallback, 0);
  return {
    attributeCountLimit: count('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', count('OTEL_ATTRIBUTE_COUNT_LIMIT')),
    attributeValueLengthLimit: count(
      'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT',
      count('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', Infinity),
    ),
    eventCountLimit: count('OTEL_SPAN_EVENT_COUNT_LIMIT'),
    linkCountLimit: count('OTEL_SPAN_LINK_COUNT_LIMIT'),
    attributePerEventCountLimit: count('OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT'),
    attributePerLinkCountLimit: count('OTEL_LINK_ATTRIBUTE_COUNT_LIMIT'),
  };
}
