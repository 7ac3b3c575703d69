import { nonFiniteCounts } from '../histogram.ts';
import type { SinkRecord } from '../sink.ts';
import {
  cometTags,
  hasNested,
  MAX_KEY,
  metricValue,
  type Parameter,
  parametersOf,
  shortened,
} from './experiment.ts';
import { type HistogramAsset, histogramAsset } from './histogram.ts';
import { systemMetric } from './system-metrics.ts';
import type { SkippedValue, Thinning } from './thinning.ts';

export interface Metric {
  /** Of its record; -1 for a system sample and for a value that comes late. */
  readonly seq: number;
  readonly name: string;
  /** A number, or one of the words NaN, Infinity, -Infinity. */
  readonly value: number | string;
  readonly step: number | null;
  readonly epoch: number | null;
  /** Milliseconds since the epoch, whole. */
  readonly time: number;
}

export interface OutputLine {
  readonly text: string;
  readonly stderr: boolean;
  readonly time: number;
}

/** What records say, in Comet's terms. */
export interface CometBatch {
  readonly metrics: Metric[];
  readonly parameters: (Parameter & { readonly time: number })[];
  readonly tags: string[];
  /** A parameter is a map. */
  nested: boolean;
  readonly histograms: HistogramAsset[];
  readonly output: OutputLine[];
}

/** Online and offline translate alike: only the way differs. `autoLog` false leaves out what nobody asked for. */
export function batchOf(records: readonly SinkRecord[], thinning: Thinning, autoLog: boolean): CometBatch {
  const batch: CometBatch = {
    metrics: [],
    parameters: [],
    tags: [],
    nested: false,
    histograms: [],
    output: [],
  };
  for (const record of records) {
    const time = Math.floor(record.time);
    switch (record.kind) {
      case 'step': {
        const epoch = record.epoch ?? null;
        for (const [key, value] of Object.entries(record.values))
          if (thinning.keeps(key, { value, step: record.step, epoch, time }))
            batch.metrics.push(metricOf(record.seq, key, { value, step: record.step, epoch, time }));
        break;
      }
      case 'histogram': {
        const { seq, name, step, histogram } = record;
        const asset = histogramAsset(record);
        if (asset) batch.histograms.push(asset);
        const epoch = record.epoch ?? null;
        for (const [what, value] of Object.entries(nonFiniteCounts(histogram)))
          batch.metrics.push(metricOf(seq, `${name}/${what}`, { value, step, epoch, time }));
        break;
      }
      case 'params':
        batch.nested ||= hasNested(record.params);
        for (const parameter of parametersOf(record.params)) batch.parameters.push({ ...parameter, time });
        break;
      case 'tags':
        batch.tags.push(...cometTags(record.tags));
        break;
      case 'note':
        batch.output.push({
          text: `[${record.severity}] ${record.text}\n`,
          stderr: record.severity === 'error',
          time,
        });
        break;
      case 'console':
        if (autoLog)
          batch.output.push({ text: `${record.text}\n`, stderr: record.stream === 'stderr', time });
        break;
      default:
        if (!autoLog) break;
        for (const [key, value] of Object.entries(record.values)) {
          if (!Number.isFinite(value)) continue;
          const [name, mapped] = systemMetric(key, value);
          batch.metrics.push({
            seq: record.seq,
            name: shortened(name, MAX_KEY),
            value: mapped,
            step: null,
            epoch: null,
            time,
          });
        }
    }
  }
  return batch;
}

/** The last values that thinning had left out. */
export function lastMetrics(thinning: Thinning): Metric[] {
  return thinning.last().map(([key, value]) => metricOf(-1, key, value));
}

function metricOf(seq: number, key: string, { value, step, epoch, time }: SkippedValue): Metric {
  return {
    seq,
    name: shortened(key, MAX_KEY),
    value: metricValue(value),
    step: Number.isSafeInteger(step) ? step : null,
    // Comet counts whole epochs
    epoch: epoch === null || !Number.isFinite(epoch) ? null : Math.floor(epoch),
    time,
  };
}

/** Metrics in requests of at most `size`, no record in two of them (unless it alone is larger). */
export function chunksOf(metrics: readonly Metric[], size: number): Metric[][] {
  const chunks: Metric[][] = [];
  let chunk: Metric[] = [];
  let record: Metric[] = [];
  const add = (): void => {
    if (chunk.length > 0 && chunk.length + record.length > size) {
      chunks.push(chunk);
      chunk = [];
    }
    chunk.push(...record);
    for (; chunk.length > size; chunk = chunk.slice(size)) chunks.push(chunk.slice(0, size));
    record = [];
  };
  for (const metric of metrics) {
    if (record[0] && record[0].seq !== metric.seq) add();
    record.push(metric);
  }
  add();
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
