/**
 * What a receiver answers: Export*ServiceResponse and google.rpc.Status, in the content type of the request.
 * Source: opentelemetry-proto 1.11 collector/*_service.proto and docs/specification.md (OTLP/HTTP response);
 * google/rpc/status.proto (code 1, message 2).
 */
import type { OtlpContentType } from './decode.ts';
import type { PartialSuccess, Signal } from './model.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/** JSON name of the count that `Export…PartialSuccess` holds in field 1; field 2 is error_message in all three. */
const REJECTED: Record<Signal, string> = {
  metrics: 'rejectedDataPoints',
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
};

/** Body of a 200. `partial_success` is left unset when everything was taken and there is nothing to say. */
export function encodeExportResponse(
  signal: Signal,
  contentType: OtlpContentType,
  partial: PartialSuccess,
): Uint8Array {
  const said = partial.rejected > 0 || partial.message !== '';
  if (contentType === 'application/json') {
    const body = said
      ? { partialSuccess: { [REJECTED[signal]]: String(partial.rejected), errorMessage: partial.message } }
      : {};
    return new TextEncoder().encode(JSON.stringify(body));
  }
  const writer = new ProtobufWriter(64);
  if (said) {
    const start = writer.open(1);
    if (partial.rejected > 0) writer.int64(1, partial.rejected);
    if (partial.message !== '') writer.string(2, partial.message);
    writer.close(start);
  }
  return writer.finish();
}

/** google.rpc.Code values that a receiver uses. */
export const RPC_CODE = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Body of an error: google.rpc.Status. */
export function encodeStatus(contentType: OtlpContentType, code: number, message: string): Uint8Array {
  if (contentType === 'application/json') return new TextEncoder().encode(JSON.stringify({ code, message }));
  const writer = new ProtobufWriter(64);
  writer.varint(1, code);
  writer.string(2, message);
  return writer.finish();
}
