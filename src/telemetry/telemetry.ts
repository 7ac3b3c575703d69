import type { Attachment } from './attach/attachment.ts';
import type { EventExporter, EventExporterOptions } from './event-exporter.ts';
import type { Drops } from './dropped.ts';
import type { Signal } from './signal.ts';

/** What a program may set; everything has a default, and the OTEL_* variables that users know are honoured. */
export interface TelemetryOptions {
  /** `service.name`. Default: name in the package.json of the working directory, else the main script's name. The environment (OTEL_SERVICE_NAME) wins. */
  serviceName?: string;
  /** `service.version`. The environment (OTEL_RESOURCE_ATTRIBUTES) wins. */
  serviceVersion?: string;
  /** Further resource attributes. The environment (OTEL_RESOURCE_ATTRIBUTES) wins, key by key. */
  resourceAttributes?: Readonly<Record<string, string | number | boolean>>;
  /** Base URL of the OTLP/HTTP receiver; `/v1/traces` and so on are added. Wins over OTEL_EXPORTER_OTLP_ENDPOINT. Default http://127.0.0.1:4318. */
  endpoint?: string;
  /** Sent with every export, over those of OTEL_EXPORTER_OTLP_HEADERS. */
  headers?: Readonly<Record<string, string>>;
  /** Time between two exports of metrics: milliseconds or `10s`. Default 10 s. OTEL_METRIC_EXPORT_INTERVAL wins. */
  metricInterval?: number | string;
  /** Longest time that the flush at exit or `shutdown()` may take: milliseconds or `3s`. Default LLM_OTEL_SHUTDOWN_TIMEOUT, else 3 s. */
  shutdownTimeout?: number | string;
  /** Switches a signal off. Default: all on. */
  signals?: { readonly [S in Signal]?: boolean };
  /** Flush at the end of the process (drained loop, SIGTERM, SIGINT, uncaught error). Default true. */
  handleExit?: boolean;
  /** Where variables are read. Default process.env. */
  env?: Readonly<Record<string, string | undefined>>;
}

/**
 * - `own`: this package started the SDK.
 * - `attached`: another SDK is registered; spans go to its provider, our instruments have an exporter of their own.
 * - `disabled`: OTEL_SDK_DISABLED; nothing is recorded or sent.
 */
export type TelemetryMode = 'own' | 'attached' | 'disabled';

export interface Telemetry {
  readonly mode: TelemetryMode;
  readonly resourceAttributes: Readonly<Record<string, string | number | boolean>>;
  /** Unique per process; in the resource of everything the process sends, and in `llm.run.start`. */
  readonly serviceInstanceId: string;
  /** Base URL of the receiver, without credentials. */
  readonly endpoint: string;
  /** With mode `attached`: where the spans of the other SDK go, and why. */
  readonly attachment?: Attachment;
  /** An exporter of run events to the receiver, and with the headers, that the program gave `startTelemetry`; options of its own win, and headers are not sent to another receiver. */
  createEventExporter(options?: EventExporterOptions): EventExporter;
  /** Sends what is recorded until now. Resolves when it is delivered or given up, at most after the shutdown timeout; never rejects. */
  forceFlush(): Promise<void>;
  /** Flushes and stops for good; the same deadline. Idempotent, never rejects. */
  shutdown(): Promise<void>;
  /** What was lost until now, by signal and reason. */
  dropped(): Drops;
}
