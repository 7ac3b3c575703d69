import type { Sample } from './exposition.ts';

/** What the Collector's own metrics say of one exporter; counts are since its start. */
export interface ExporterReading {
  /** Its id in the configuration, e.g. `otlp_http/hub`. */
  exporter: string;
  /** Signal → what waits in its queue and what fits, in the unit of its sizer (bytes in the shipped files). */
  queues: Map<string, { size: number; capacity: number }>;
  /** Items that arrived. */
  sent: number;
  /** Items that were given up: refused for good by the destination. */
  failed: number;
  /** Items that found the queue full. */
  overflowed: number;
}
export interface CollectorReading {
  exporters: ExporterReading[];
  /** Items that the receivers took, and those that they sent back (503: the client keeps them). */
  accepted: number;
  refused: number;
  memoryBytes: number | undefined;
}

/** Families of the Collector's metrics (0.155; a suffix `_total` is allowed for), by what they add to. */
const COUNTS: readonly (readonly [pattern: RegExp, field: 'sent' | 'failed' | 'overflowed'])[] = [
  [/^otelcol_exporter_sent_(spans|metric_points|log_records)(_total)?$/, 'sent'],
  [/^otelcol_exporter_send_failed_(spans|metric_points|log_records)(_total)?$/, 'failed'],
  [/^otelcol_exporter_enqueue_failed_(spans|metric_points|log_records)(_total)?$/, 'overflowed'],
];
const ACCEPTED = /^otelcol_receiver_accepted_(spans|metric_points|log_records)(_total)?$/;
const REFUSED = /^otelcol_receiver_(refused|failed)_(spans|metric_points|log_records)(_total)?$/;

export function readCollector(samples: readonly Sample[]): CollectorReading {
  const exporters = new Map<string, ExporterReading>();
  const of = (name: string) => {
    let reading = exporters.get(name);
    if (!reading) {
      reading = { exporter: name, queues: new Map(), sent: 0, failed: 0, overflowed: 0 };
      exporters.set(name, reading);
    }
    return reading;
  };
  const result: CollectorReading = { exporters: [], accepted: 0, refused: 0, memoryBytes: undefined };
  for (const { name, labels, value } of samples) {
    if (ACCEPTED.test(name)) result.accepted += value;
    else if (REFUSED.test(name)) result.refused += value;
    else if (name === 'otelcol_process_memory_rss' || name === 'otelcol_process_memory_rss_bytes')
      result.memoryBytes = value;
    const exporter = labels['exporter'];
    if (exporter === undefined) continue;
    const count = COUNTS.find(([pattern]) => pattern.test(name));
    if (count) of(exporter)[count[1]] += value;
    const queue = /^otelcol_exporter_queue_(size|capacity)$/.exec(name);
    if (queue) {
      const signal = labels['data_type'] ?? '';
      const before = of(exporter).queues.get(signal) ?? { size: 0, capacity: 0 };
      of(exporter).queues.set(signal, { ...before, [queue[1] as string]: value });
    }
  }
  result.exporters = [...exporters.values()].sort((a, b) => (a.exporter < b.exporter ? -1 : 1));
  return result;
}
