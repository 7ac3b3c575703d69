import type { SinkRecord } from '../sink.ts';
import { histogramFigures } from '../histogram.ts';
import { mlflowKey } from './keys.ts';
import { systemMetrics } from './system-metrics.ts';

/** Metrics of one log-batch (REST API: at most 1000). */
export const MAX_METRICS = 1000;
/** Documented limit of a request: 1 MB; metrics end before it. */
const MAX_BYTES = 900_000;

/** One metric as JSON text. Written by hand: JSON.stringify would turn NaN into null, and the server loses the rest. */
export interface MetricText {
  readonly text: string;
  readonly isNaN: boolean;
}

/**
 * MLflow takes the strings "NaN", "Infinity" and "-Infinity"; a bare NaN makes it drop the rest of the request and
 * answer 200. Timestamp and step must be whole numbers, or they become 0.
 */
export function metricText(key: string, value: number, time: number, step: number): MetricText {
  const isNaN = value !== value;
  const number = value - value === 0 ? (Object.is(value, -0) ? '-0.0' : String(value)) : `"${value}"`;
  return {
    text: `{"key":${JSON.stringify(mlflowKey(key))},"value":${number},"timestamp":${Math.max(0, Math.floor(time))},"step":${Math.trunc(step)}}`,
    isNaN,
  };
}

/** The metrics of what steps, histograms (MLflow has none: their figures) and system samples record, in order. */
export function metricsOf(records: readonly SinkRecord[]): MetricText[] {
  const metrics: MetricText[] = [];
  for (const record of records) {
    if (record.kind === 'step') {
      const { values, time, step, epoch } = record;
      for (const key of Object.keys(values)) metrics.push(metricText(key, values[key] as number, time, step));
      // the page can draw over another metric: the epoch is one
      if (epoch !== undefined && !Object.hasOwn(values, 'train/epoch'))
        metrics.push(metricText('train/epoch', epoch, time, step));
    } else if (record.kind === 'histogram') {
      const { name, time, step, histogram } = record;
      for (const [figure, value] of Object.entries(histogramFigures(histogram)))
        metrics.push(metricText(`${name}/${figure}`, value, time, step));
    } else if (record.kind === 'system') {
      for (const [key, value] of systemMetrics(record.values))
        metrics.push(metricText(key, value, record.time, record.sample));
    }
  }
  return metrics;
}

/** Metrics in requests that the server takes. */
export function* metricRequests(metrics: readonly MetricText[]): Generator<readonly MetricText[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, { text }] of metrics.entries()) {
    if (index > start && (index - start >= MAX_METRICS || bytes + text.length > MAX_BYTES)) {
      yield metrics.slice(start, index);
      start = index;
      bytes = 0;
    }
    // keys may hold characters of several bytes
    bytes += text.length + 50;
  }
  if (start < metrics.length) yield metrics.slice(start);
}

/** Values that MLflow cannot give back as they were: NaN comes back, an infinity as the largest double. */
export function hasNonFinite(records: readonly SinkRecord[]): boolean {
  return records.some(
    (record) =>
      record.kind === 'step' && Object.values(record.values).some((value) => !Number.isFinite(value)),
  );
}
