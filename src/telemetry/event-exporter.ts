import type { AnyValueMap } from '@opentelemetry/api-logs';

/** One run event, ready for the wire. Its time was fixed when it was made. */
export interface EventRecord {
  eventName: string;
  /** Milliseconds since the epoch; the fraction counts. */
  time: number;
  /** Doubles; NaN and infinities survive protobuf. */
  body: AnyValueMap | string;
  attributes: AnyValueMap;
  /** Resource of this record: `llm.run.id`, `service.instance.id` ... */
  resource: Readonly<Record<string, string | number | boolean>>;
  /** OpenTelemetry severity number; default 9 (INFO). */
  severityNumber?: number;
}

/**
 * What became of an export.
 * - `unavailable`: refused connection, timeout, 429, 5xx: send the same records again later.
 * - `refused`: the receiver says that the request itself is bad (400, 413, 415 ...): sending it whole again is
 *   useless; a smaller batch may pass.
 * - `unauthorized`: 401, 403: keep everything and tell the user.
 */
export type DeliveryOutcome =
  | { ok: true }
  | {
      ok: false;
      kind: 'unavailable' | 'refused' | 'unauthorized';
      /** For people; names the receiver, never a credential. */
      message: string;
      /** The receiver's Retry-After. */
      retryAfterMs?: number;
      /** HTTP status; absent when there was no answer. */
      status?: number;
      /** With `refused`: the request passed (status 2xx) except for so many records (OTLP partial success). */
      rejected?: number;
      /** With `unavailable` and no answer: the system's code, such as ECONNREFUSED. */
      code?: string;
    };

/** Sends run events with acknowledgement: `ok` only when the receiver answered that it has them. */
export interface EventExporter {
  /** Where it sends, without credentials, for messages. */
  readonly url: string;
  export(records: readonly EventRecord[]): Promise<DeliveryOutcome>;
  shutdown(): Promise<void>;
}

export interface EventExporterOptions {
  /** Base URL; `/v1/logs` is added. Default: OTEL_EXPORTER_OTLP_LOGS_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, http://127.0.0.1:4318. */
  endpoint?: string;
  /** Over those of OTEL_EXPORTER_OTLP_(LOGS_)HEADERS. */
  headers?: Readonly<Record<string, string>>;
  /** Longest time for one request. Default OTEL_EXPORTER_OTLP_(LOGS_)TIMEOUT, else 10 s. */
  timeoutMs?: number;
  /** Where variables are read. Default process.env. */
  env?: Readonly<Record<string, string | undefined>>;
  /**
   * True: a request under way does not keep the process alive, so that a dead receiver does not hold back the end
   * of a program. Who awaits `export` then must keep the process alive (an exit hook does). Default false.
   */
  background?: boolean;
}
