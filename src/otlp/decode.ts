import { decodeJson } from './json-decode.ts';
import { MAX_ITEMS } from './limits.ts';
import type { LogsRequest, MetricsRequest, OtlpRequest, Signal, TracesRequest } from './model.ts';
import { decodeProtobuf } from './protobuf-decode.ts';
import { REQUEST } from './schema.ts';

export type OtlpContentType = 'application/x-protobuf' | 'application/json';

/**
 * Decodes the body of an OTLP/HTTP export request.
 *
 * The attribute bytes of metric points are views of `bytes`: do not change the body while the request lives.
 * @throws OtlpDecodeError for anything that is not a request of that signal, saying what and at which byte (protobuf) or
 * path (JSON).
 */
export function decodeRequest(
  signal: 'metrics',
  contentType: OtlpContentType,
  bytes: Uint8Array,
): MetricsRequest;
export function decodeRequest(
  signal: 'traces',
  contentType: OtlpContentType,
  bytes: Uint8Array,
): TracesRequest;
export function decodeRequest(signal: 'logs', contentType: OtlpContentType, bytes: Uint8Array): LogsRequest;
export function decodeRequest(signal: Signal, contentType: OtlpContentType, bytes: Uint8Array): OtlpRequest;
export function decodeRequest(signal: Signal, contentType: OtlpContentType, bytes: Uint8Array): OtlpRequest {
  const message = REQUEST[signal];
  const decode = contentType === 'application/json' ? decodeJson : decodeProtobuf;
  return decode(message, bytes, MAX_ITEMS) as unknown as OtlpRequest;
}
