import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { describe, expect, it } from 'vitest';
import { encodeExportResponse, encodeStatus, RPC_CODE, type Signal } from '../../src/otlp/index.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('an export response', () => {
  it('leaves partial_success unset when everything was taken', () => {
    expect(
      encodeExportResponse('traces', 'application/x-protobuf', { rejected: 0, message: '' }),
    ).toHaveLength(0);
    expect(text(encodeExportResponse('logs', 'application/json', { rejected: 0, message: '' }))).toBe('{}');
  });

  it('is read by the deserializers of OpenTelemetry JS, with the count of its signal', () => {
    const readers = [
      ['traces', ProtobufTraceSerializer, JsonTraceSerializer, 'rejectedSpans'],
      ['metrics', ProtobufMetricsSerializer, JsonMetricsSerializer, 'rejectedDataPoints'],
      ['logs', ProtobufLogsSerializer, JsonLogsSerializer, 'rejectedLogRecords'],
    ] as const;
    for (const [signal, protobuf, json, name] of readers) {
      const partial = { rejected: 300, message: 'series limit' };
      const fromProtobuf = protobuf.deserializeResponse(
        encodeExportResponse(signal, 'application/x-protobuf', partial),
      );
      const fromJson = json.deserializeResponse(encodeExportResponse(signal, 'application/json', partial));
      for (const response of [fromProtobuf, fromJson]) {
        const success = response.partialSuccess as Record<string, unknown> | undefined;
        expect(success?.['errorMessage']).toBe('series limit');
        expect(Number(success?.[name])).toBe(300);
      }
    }
  });

  it('can warn without rejecting', () => {
    const warning = { rejected: 0, message: 'ü' };
    expect(
      Buffer.from(encodeExportResponse('metrics', 'application/x-protobuf', warning)).toString('hex'),
    ).toBe('0a041202c3bc');
    const body: unknown = JSON.parse(
      text(encodeExportResponse('metrics' satisfies Signal, 'application/json', warning)),
    );
    expect(body).toEqual({ partialSuccess: { rejectedDataPoints: '0', errorMessage: 'ü' } });
  });
});

describe('an error', () => {
  it('is a google.rpc.Status', () => {
    expect(text(encodeStatus('application/json', RPC_CODE.invalidArgument, 'no'))).toBe(
      '{"code":3,"message":"no"}',
    );
    expect(
      Buffer.from(encodeStatus('application/x-protobuf', RPC_CODE.invalidArgument, 'no')).toString('hex'),
    ).toBe('080312026e6f');
  });
});
