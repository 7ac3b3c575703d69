import { type HrTime, ValueType } from '@opentelemetry/api';
import { hrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type MetricData,
  type MetricProducer,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import { BoundCounter, BoundGauge, BoundHistogram, type BoundSeries, BoundUpDownCounter } from './bound.ts';
import type { Instrument, InstrumentRegistry } from './registry.ts';

type HistogramValue = Extract<
  MetricData,
  { dataPointType: DataPointType.HISTOGRAM }
>['dataPoints'][0]['value'];

/** What a delta producer gave last time, so that it can give the difference. */
interface Previous {
  time: HrTime;
  value: number;
  counts: Float64Array | undefined;
  sum: number;
}

export interface InstrumentProducerOptions {
  registry: InstrumentRegistry;
  /** Delta: counters and histograms as differences since this producer's last collection. Default cumulative. */
  temporality?: 'cumulative' | 'delta';
  /** Version in the instrumentation scope. */
  version?: string;
}

/**
 * Gives the registry to a metric reader. The SDK's own cumulative storage repeats the last value of a series that
 * has vanished for ever; here a removed series is simply not there any more.
 *
 * One producer per reader. The reader sets the resource.
 */
export class InstrumentProducer implements MetricProducer {
  readonly #registry: InstrumentRegistry;
  readonly #delta: boolean;
  readonly #version: string | undefined;
  readonly #previous = new WeakMap<BoundSeries, Previous>();

  constructor(options: InstrumentProducerOptions) {
    this.#registry = options.registry;
    this.#delta = options.temporality === 'delta';
    this.#version = options.version;
  }

  collect(): Promise<CollectionResult> {
    const errors: unknown[] = [];
    const now = hrTime();
    const scopes = new Map<string, MetricData[]>();
    for (const instrument of this.#registry.collect(errors, this)) {
      const data = this.#metricData(instrument, now);
      if (!data) continue;
      const metrics = scopes.get(instrument.scope);
      if (metrics) metrics.push(data);
      else scopes.set(instrument.scope, [data]);
    }
    const scopeMetrics: ScopeMetrics[] = [];
    for (const [name, metrics] of scopes)
      scopeMetrics.push({ scope: { name, version: this.#version }, metrics });
    return Promise.resolve({ resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors });
  }

  #metricData(instrument: Instrument, now: HrTime): MetricData | undefined {
    const numbers: DataPoint<number>[] = [];
    const histograms: DataPoint<HistogramValue>[] = [];
    for (const series of instrument.series()) {
      if (series instanceof BoundHistogram) {
        if (series.count > 0) histograms.push(this.#histogramPoint(series, now));
      } else if (series instanceof BoundGauge) {
        if (!series.isSet) continue;
        const end = series.endTime ?? now;
        numbers.push({ startTime: end, endTime: end, attributes: series.attributes, value: series.value });
      } else if (series instanceof BoundCounter) {
        numbers.push(this.#counterPoint(series, now));
      } else if (series instanceof BoundUpDownCounter) {
        numbers.push({
          startTime: series.startTime,
          endTime: series.endTime ?? now,
          attributes: series.attributes,
          value: series.value,
        });
      }
    }
    if (numbers.length === 0 && histograms.length === 0) return undefined;
    const { name, description, unit, kind } = instrument.definition;
    const descriptor = { name, description, unit, valueType: ValueType.DOUBLE };
    // Up-down counters stay cumulative under a delta preference (OpenTelemetry: temporality preference "delta").
    const aggregationTemporality =
      this.#delta && (kind === 'counter' || kind === 'histogram')
        ? AggregationTemporality.DELTA
        : AggregationTemporality.CUMULATIVE;
    switch (kind) {
      case 'histogram':
        return {
          descriptor,
          aggregationTemporality,
          dataPointType: DataPointType.HISTOGRAM,
          dataPoints: histograms,
        };
      case 'gauge':
        return {
          descriptor,
          aggregationTemporality,
          dataPointType: DataPointType.GAUGE,
          dataPoints: numbers,
        };
      default:
        return {
          descriptor,
          aggregationTemporality,
          dataPointType: DataPointType.SUM,
          dataPoints: numbers,
          isMonotonic: kind === 'counter',
        };
    }
  }

  #counterPoint(series: BoundCounter, now: HrTime): DataPoint<number> {
    const { attributes, value } = series;
    const endTime = series.endTime ?? now;
    if (!this.#delta) return { startTime: series.startTime, endTime, attributes, value };
    const previous = this.#previous.get(series);
    this.#previous.set(series, { time: endTime, value, counts: undefined, sum: 0 });
    return {
      startTime: previous?.time ?? series.startTime,
      endTime,
      attributes,
      value: value - (previous?.value ?? 0),
    };
  }

  #histogramPoint(series: BoundHistogram, now: HrTime): DataPoint<HistogramValue> {
    const boundaries = series.bounds as number[];
    if (!this.#delta) {
      return {
        startTime: series.startTime,
        endTime: now,
        attributes: series.attributes,
        value: {
          buckets: { boundaries, counts: Array.from(series.counts) },
          count: series.count,
          sum: series.sum,
          min: series.min,
          max: series.max,
        },
      };
    }
    const previous = this.#previous.get(series);
    this.#previous.set(series, {
      time: now,
      value: series.count,
      counts: series.counts.slice(),
      sum: series.sum,
    });
    const counts = Array.from(series.counts, (count, i) => count - (previous?.counts?.[i] ?? 0));
    return {
      startTime: previous?.time ?? series.startTime,
      endTime: now,
      attributes: series.attributes,
      // Minimum and maximum are those of the series' life: they are not known for the interval alone.
      value: {
        buckets: { boundaries, counts },
        count: series.count - (previous?.value ?? 0),
        sum: series.sum - (previous?.sum ?? 0),
      },
    };
  }
}
