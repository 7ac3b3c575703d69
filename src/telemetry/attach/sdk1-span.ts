import { type SpanContext, TraceFlags } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

/** What SDK 1.x calls otherwise than SDK 2.x (sdk-trace-base 2.0: renamed in ReadableSpan). */
interface Sdk1Span {
  readonly instrumentationLibrary?: ReadableSpan['instrumentationScope'];
  readonly parentSpanId?: string;
}

/** A span as SDK 2.x has it; one of SDK 1.x is seen through the names of 2.x, which the OTLP encoder reads. */
export function asSdk2Span(span: ReadableSpan): ReadableSpan {
  if (span.instrumentationScope) return span;
  const { instrumentationLibrary, parentSpanId } = span as Sdk1Span;
  const parentSpanContext: SpanContext | undefined = parentSpanId
    ? { traceId: span.spanContext().traceId, spanId: parentSpanId, traceFlags: TraceFlags.SAMPLED }
    : undefined;
  return Object.create(span, {
    instrumentationScope: { value: instrumentationLibrary ?? UNKNOWN_SCOPE },
    parentSpanContext: { value: parentSpanContext },
  }) as ReadableSpan;
}

const UNKNOWN_SCOPE: ReadableSpan['instrumentationScope'] = { name: '' };
