import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import type { PartialSuccess } from './outcome.ts';
import { encodeSpans } from './span-encoder.ts';
import type { Protocol } from '../settings/target.ts';

/** OTLP request bodies of one signal in one protocol, and what its answers say. */
export interface OtlpCodec<T> {
  readonly encode: (items: T) => Uint8Array;
  readonly partial: (body: Uint8Array) => PartialSuccess | undefined;
}

interface Serializer<T> {
  serializeRequest(items: T): Uint8Array | undefined;
  deserializeResponse(body: Uint8Array): { partialSuccess?: object };
}

/** `rejected` names the field of the partial success that counts what was not taken (OTLP 1.11). */
function codec<T>(serializer: Serializer<T>, rejected: string): OtlpCodec<T> {
  return {
    encode(items) {
      const body = serializer.serializeRequest(items);
      if (!body) throw new Error('the OTLP serialiser gave nothing');
      return body;
    },
    partial(body) {
      const partial = serializer.deserializeResponse(body).partialSuccess as
        | Readonly<Record<string, string | number | undefined>>
        | undefined;
      // JSON answers may carry the 64-bit count as a string.
      return (
        partial && { rejected: Number(partial[rejected] ?? 0), message: `${partial.errorMessage ?? ''}` }
      );
    },
  };
}

/**
 * The codecs by protocol. JSON writes NaN and infinities as null (otlp-transformer 0.223); protobuf, the default,
 * keeps them.
 */
export const TRACE_CODEC: Readonly<Record<Protocol, OtlpCodec<ReadableSpan[]>>> = {
  // The answer is read as the official one reads it; the request is written at a third of its cost.
  'http/protobuf': codec(
    {
      serializeRequest: encodeSpans,
      deserializeResponse: (body) => ProtobufTraceSerializer.deserializeResponse(body),
    },
    'rejectedSpans',
  ),
  'http/json': codec(JsonTraceSerializer, 'rejectedSpans'),
};
export const METRICS_CODEC: Readonly<Record<Protocol, OtlpCodec<ResourceMetrics>>> = {
  'http/protobuf': codec(ProtobufMetricsSerializer, 'rejectedDataPoints'),
  'http/json': codec(JsonMetricsSerializer, 'rejectedDataPoints'),
};
export const LOGS_CODEC: Readonly<Record<Protocol, OtlpCodec<ReadableLogRecord[]>>> = {
  'http/protobuf': codec(ProtobufLogsSerializer, 'rejectedLogRecords'),
  'http/json': codec(JsonLogsSerializer, 'rejectedLogRecords'),
};
