import { diag } from '@opentelemetry/api';
import type { Attachment } from './attach/attachment.ts';
import type { DropCounter, Drops } from './dropped.ts';
import { createEventExporter, eventExporterBy } from './delivery/otlp-event-exporter.ts';
import type { EventExporter, EventExporterOptions } from './event-exporter.ts';
import { addExitHook, within } from './exit.ts';
import type { ExitReason } from './exit-reason.ts';
import type { ExportPipeline } from './delivery/export-pipeline.ts';
import type { EnvironmentReader } from './settings/environment-reader.ts';
import type { ResourceAttributes } from './settings/resource.ts';
import type { Telemetry, TelemetryMode } from './telemetry.ts';

/** A provider or reader of ours; shut down together with the telemetry. */
export interface Part {
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

export interface RunningOptions {
  /** Receiver and headers that the program named in code. */
  readonly given: { endpoint?: string | undefined; headers?: Readonly<Record<string, string>> | undefined };
  /** Where the settings were read, and their faults told. */
  readonly environment: EnvironmentReader;
  readonly mode: TelemetryMode;
  readonly resourceAttributes: ResourceAttributes;
  readonly serviceInstanceId: string;
  readonly endpoint: string;
  readonly attachment?: Attachment;
  readonly parts: readonly Part[];
  readonly pipelines: readonly ExportPipeline<unknown>[];
  readonly drops: DropCounter;
  readonly shutdownTimeoutMs: number;
  readonly handleExit: boolean;
}

/** Telemetry flushes after runs have ended (10). */
const EXIT_ORDER = 100;

/** What was started, with its ways to flush and stop. */
export class RunningTelemetry implements Telemetry {
  readonly mode: TelemetryMode;
  readonly resourceAttributes: ResourceAttributes;
  readonly serviceInstanceId: string;
  readonly endpoint: string;
  readonly attachment?: Attachment;
  readonly #options: RunningOptions;
  readonly #removeExitHook: (() => void) | undefined;
  #shutdown: Promise<void> | undefined;

  constructor(options: RunningOptions) {
    this.#options = options;
    this.mode = options.mode;
    this.resourceAttributes = options.resourceAttributes;
    this.serviceInstanceId = options.serviceInstanceId;
    this.endpoint = options.endpoint;
    if (options.attachment) this.attachment = options.attachment;
    if (options.handleExit && options.parts.length > 0) {
      this.#removeExitHook = addExitHook({
        name: 'the flush of telemetry',
        order: EXIT_ORDER,
        beside: true,
        flush: () => this.#flush(),
        sync: (reason) => this.#atExit(reason),
        pending: () => options.pipelines.some(({ queue }) => queue.size > 0 && !queue.failing),
      });
    }
  }

  createEventExporter(options: EventExporterOptions = {}): EventExporter {
    const { endpoint, headers } = this.#options.given;
    const elsewhere = options.endpoint !== undefined && options.endpoint !== endpoint;
    const all = {
      ...options,
      ...(options.endpoint === undefined && endpoint !== undefined ? { endpoint } : {}),
      headers: { ...(elsewhere ? {} : headers), ...options.headers },
    };
    const { environment } = this.#options;
    return (options.env ?? environment.env) === environment.env
      ? eventExporterBy(environment, all)
      : createEventExporter(all);
  }

  async forceFlush(): Promise<void> {
    await within(this.#flush(), this.#options.shutdownTimeoutMs);
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#stop();
    return this.#shutdown;
  }

  dropped(): Drops {
    return this.#options.drops.counts();
  }

  async #flush(): Promise<void> {
    await settled(this.#options.parts.map((part) => part.forceFlush()));
  }

  async #stop(): Promise<void> {
    await within(
      settled(this.#options.parts.map((part) => part.shutdown())),
      this.#options.shutdownTimeoutMs,
    );
    for (const pipeline of this.#options.pipelines) pipeline.close();
    this.#removeExitHook?.();
    this.#report();
  }

  #atExit(reason: ExitReason): void {
    const pending = this.#pending();
    for (const pipeline of this.#options.pipelines) pipeline.close();
    this.#report(
      reason === 'exit' && pending > 0
        ? 'process.exit() leaves no time to send (await telemetry.shutdown() before it); '
        : '',
    );
  }

  #pending(): number {
    return this.#options.pipelines.reduce((sum, { queue }) => sum + queue.size, 0);
  }

  /** One line about all that was lost, in plain words. */
  #report(hint = ''): void {
    const lost = Object.entries(this.#options.drops.counts()).map(
      ([signal, reasons]) =>
        `${NOUNS[signal] ?? signal} ${Object.entries(reasons)
          .map(([reason, count]) => `${count} (${REASONS[reason] ?? reason})`)
          .join(', ')}`,
    );
    if (lost.length > 0) diag.warn(`llm-otel: ${hint}not delivered to ${this.endpoint}: ${lost.join('; ')}`);
  }
}

const NOUNS: Readonly<Record<string, string>> = {
  traces: 'spans:',
  metrics: 'metric points:',
  logs: 'log records:',
};
const REASONS: Readonly<Record<string, string>> = {
  queue_full: 'the queue was full',
  refused: 'the receiver refused them',
  shutdown: 'not sent before the end',
};

/** Waits for all; a failure of one is logged and stops no other. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work))
    if (result.status === 'rejected') diag.warn(`llm-otel: a flush failed: ${String(result.reason)}`);
}
