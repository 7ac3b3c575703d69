import { encodeAttributes, encodeRequest } from '../../../src/otlp/index.ts';
import type {
  Attributes,
  LogRecord,
  LogsRequest,
  MetricData,
  MetricsRequest,
  OtlpRequest,
  Span,
  TracesRequest,
} from '../../../src/otlp/model.ts';
import type { Store } from '../../../src/hub/store/index.ts';

/** Requests as senders make them, in short. */
export const T0 = 1_760_000_000_000;
export const SCOPE = { name: 'test', version: '1', attributes: {} };
export const RESOURCE: Attributes = { 'service.name': 'svc', 'service.instance.id': 'svc-1' };

/** Appends the request with its own encoding as the body, as the receiver does. */
export function put(store: Store, request: OtlpRequest): ReturnType<Store['append']> {
  return store.append(request, { contentType: 'application/x-protobuf', bytes: encodeRequest(request) });
}

export interface GaugePoint {
  time: number;
  value: number;
  attributes?: Attributes;
  start?: number;
  flags?: number;
}

export function gauge(
  name: string,
  points: readonly GaugePoint[],
  resource: Attributes = RESOURCE,
): MetricsRequest {
  return metrics(
    [
      {
        kind: 'gauge',
        name,
        description: 'help',
        unit: '1',
        temporality: 'unspecified',
        monotonic: false,
        points: points.map(({ time, value, attributes = {}, start = 0, flags = 0 }) => ({
          attributes: encodeAttributes(attributes),
          startTime: start,
          time,
          value,
          flags,
        })),
      },
    ],
    resource,
  );
}

export function metrics(data: MetricData[], resource: Attributes = RESOURCE): MetricsRequest {
  return {
    signal: 'metrics',
    resourceMetrics: [
      { resource: { attributes: resource }, scopeMetrics: [{ scope: SCOPE, metrics: data }] },
    ],
  };
}

export interface RunRecordInput {
  event: string;
  seq: number;
  time?: number;
  step?: number;
  body?: LogRecord['body'];
  attributes?: Attributes;
}

/** Events of one rank of a run. */
export function runEvents(
  run: { id: string; rank?: number; attempt?: number; resource?: Attributes },
  records: readonly RunRecordInput[],
): LogsRequest {
  const resource: Attributes = {
    ...RESOURCE,
    'llm.run.id': run.id,
    'llm.rank': run.rank ?? 0,
    'llm.run.attempt': run.attempt ?? 1,
    ...run.resource,
  };
  return logs(
    records.map(({ event, seq, time = T0 + seq * 1000, step, body = {}, attributes = {} }) => ({
      eventName: event,
      time,
      body,
      attributes: {
        'llm.run.seq': seq,
        ...(step === undefined ? {} : { 'llm.training.step': step }),
        ...attributes,
      },
    })),
    resource,
  );
}

export function logs(
  records: readonly { eventName?: string; time?: number; body: LogRecord['body']; attributes?: Attributes }[],
  resource: Attributes = RESOURCE,
): LogsRequest {
  return {
    signal: 'logs',
    resourceLogs: [
      {
        resource: { attributes: resource },
        scopeLogs: [
          {
            scope: SCOPE,
            logRecords: records.map(({ eventName = '', time = T0, body, attributes = {} }) => ({
              timeUnixNano: nanos(time),
              observedTimeUnixNano: 0n,
              severityNumber: 9,
              severityText: 'INFO',
              eventName,
              body,
              attributes,
              traceId: '',
              spanId: '',
              flags: 0,
            })),
          },
        ],
      },
    ],
  };
}

export function step(seq: number, value: number, key = 'train/loss'): RunRecordInput {
  return { event: 'llm.training.step', seq, step: seq, body: { [key]: value } };
}

export function spans(
  list: readonly (Partial<Span> & { traceId: string; spanId: string; start?: number; ms?: number })[],
  resource: Attributes = RESOURCE,
): TracesRequest {
  return {
    signal: 'traces',
    resourceSpans: [
      {
        resource: { attributes: resource },
        scopeSpans: [
          {
            scope: SCOPE,
            spans: list.map(({ start = T0, ms = 1, ...span }) => ({
              parentSpanId: '',
              traceState: '',
              flags: 0,
              name: 'span',
              kind: 1,
              startTimeUnixNano: nanos(start),
              endTimeUnixNano: nanos(start + ms),
              attributes: {},
              events: [],
              links: [],
              status: { code: 0, message: '' },
              ...span,
            })),
          },
        ],
      },
    ],
  };
}

function nanos(ms: number): bigint {
  const whole = Math.trunc(ms);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
}
