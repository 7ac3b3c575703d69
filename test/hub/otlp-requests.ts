import { EVENT } from '../../src/conventions/index.ts';
import { encodeAttributes, encodeRequest } from '../../src/otlp/index.ts';
import type { LogRecord, LogsRequest, MetricsRequest, TracesRequest } from '../../src/otlp/index.ts';

const SCOPE = { name: 'test', version: '', attributes: {} };
const RESOURCE = { attributes: { 'service.name': 'test', 'service.instance.id': 'one' } };

/** A log record of a run. `body` is what the record carries. */
function record(seq: number, eventName: string, timeMs: number, more: Partial<LogRecord>): LogRecord {
  const { attributes, ...rest } = more;
  return {
    timeUnixNano: BigInt(Math.round(timeMs)) * 1_000_000n,
    observedTimeUnixNano: 0n,
    severityNumber: 9,
    severityText: '',
    eventName,
    body: null,
    traceId: '',
    spanId: '',
    flags: 0,
    ...rest,
    attributes: { 'llm.run.seq': BigInt(seq), ...attributes },
  };
}

export function runStart(params: Record<string, number | string>, timeMs: number): LogRecord {
  return record(0, EVENT.runStart, timeMs, { body: params });
}
export function step(seq: number, number: number, values: Record<string, number>, timeMs: number): LogRecord {
  return record(seq, EVENT.trainingStep, timeMs, {
    body: values,
    attributes: { 'llm.training.step': BigInt(number) },
  });
}
export function runEnd(seq: number, status: string, timeMs: number): LogRecord {
  return record(seq, EVENT.runEnd, timeMs, { attributes: { 'llm.run.status': status }, body: {} });
}

export function runRequest(
  run: string,
  logRecords: LogRecord[],
  rank = 0,
  resource: Record<string, string> = {},
): Uint8Array {
  const attributes = {
    ...RESOURCE.attributes,
    'llm.run.id': run,
    'llm.run.name': run,
    'llm.run.project': 'demo',
    'llm.rank': BigInt(rank),
    'llm.world_size': 1n,
    'llm.run.attempt': 1n,
    ...resource,
  };
  const request: LogsRequest = {
    signal: 'logs',
    resourceLogs: [{ resource: { attributes }, scopeLogs: [{ scope: SCOPE, logRecords }] }],
  };
  return encodeRequest(request);
}

export function gaugeRequest(name: string, points: readonly { time: number; value: number }[]): Uint8Array {
  const attributes = encodeAttributes({ source: 'test' });
  const request: MetricsRequest = {
    signal: 'metrics',
    resourceMetrics: [
      {
        resource: RESOURCE,
        scopeMetrics: [
          {
            scope: SCOPE,
            metrics: [
              {
                kind: 'gauge',
                name,
                description: '',
                unit: '1',
                temporality: 'unspecified',
                monotonic: false,
                points: points.map((point) => ({ attributes, startTime: 0, flags: 0, ...point })),
              },
            ],
          },
        ],
      },
    ],
  };
  return encodeRequest(request);
}

export function spanRequest(traceId: string, spanId: string, name: string, startMs: number): Uint8Array {
  const start = BigInt(Math.round(startMs)) * 1_000_000n;
  const request: TracesRequest = {
    signal: 'traces',
    resourceSpans: [
      {
        resource: RESOURCE,
        scopeSpans: [
          {
            scope: SCOPE,
            spans: [
              {
                traceId,
                spanId,
                parentSpanId: '',
                traceState: '',
                flags: 1,
                name,
                kind: 1,
                startTimeUnixNano: start,
                endTimeUnixNano: start + 5_000_000n,
                attributes: {},
                events: [],
                links: [],
                status: { code: 0, message: '' },
              },
            ],
          },
        ],
      },
    ],
  };
  return encodeRequest(request);
}

/** Sends an OTLP request; the answer's status. */
export async function send(
  url: string,
  signal: 'metrics' | 'logs' | 'traces',
  body: Uint8Array,
): Promise<number> {
  const response = await fetch(`${url}/v1/${signal}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: body as Uint8Array<ArrayBuffer>,
  });
  await response.arrayBuffer();
  return response.status;
}
