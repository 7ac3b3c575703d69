import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InstrumentType,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { BatchQueue } from '../delivery/batch-queue.ts';

/** A collection, encoded when it was made: later values of its series come with later collections. */
export interface EncodedCollection {
  readonly body: Uint8Array;
  /** Data points in it, for the count of what was lost. */
  readonly points: number;
}

export const TEMPORALITY_PREFERENCES = ['cumulative', 'delta', 'lowmemory'] as const;
export type TemporalityPreference = (typeof TEMPORALITY_PREFERENCES)[number];

/** Which instruments are exported as differences (OTLP metrics exporter specification, temporality preference). */
const DELTA_INSTRUMENTS: Readonly<Record<TemporalityPreference, ReadonlySet<InstrumentType>>> = {
  cumulative: new Set(),
  delta: new Set([InstrumentType.COUNTER, InstrumentType.OBSERVABLE_COUNTER, InstrumentType.HISTOGRAM]),
  lowmemory: new Set([InstrumentType.COUNTER, InstrumentType.HISTOGRAM]),
};

/**
 * Encodes each collection and queues it. The periodic reader forgets a collection whose export failed; here it is
 * sent later with the times it had, so neither a gauge's history nor a delta is lost in a short outage.
 */
export class QueueMetricExporter implements PushMetricExporter {
  readonly #queue: BatchQueue<EncodedCollection>;
  readonly #encode: (metrics: ResourceMetrics) => Uint8Array;
  readonly #delta: ReadonlySet<InstrumentType>;

  constructor(
    queue: BatchQueue<EncodedCollection>,
    encode: (metrics: ResourceMetrics) => Uint8Array,
    preference: TemporalityPreference,
  ) {
    this.#queue = queue;
    this.#encode = encode;
    this.#delta = DELTA_INSTRUMENTS[preference];
  }

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    try {
      let points = 0;
      for (const scope of metrics.scopeMetrics)
        for (const metric of scope.metrics) points += metric.dataPoints.length;
      this.#queue.add({ body: this.#encode(metrics), points });
    } catch (error) {
      done({ code: ExportResultCode.FAILED, error: error as Error });
      return;
    }
    // Success for the reader means that somebody has taken care of it; it does nothing else with a failure than to
    // log it, and what becomes of the delivery is logged once for all signals.
    done({ code: ExportResultCode.SUCCESS });
  }

  selectAggregationTemporality(type: InstrumentType): AggregationTemporality {
    return this.#delta.has(type) ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
  }

  forceFlush(): Promise<void> {
    return this.#queue.flush();
  }

  async shutdown(): Promise<void> {
    await this.#queue.flush();
    this.#queue.close();
  }
}
