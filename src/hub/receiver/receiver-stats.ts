import type { OtlpRequest, Signal } from '../../otlp/index.ts';

/** What the receiver has done since it was made; all counts only go up, but `inFlightBytes`. */
export interface ReceiverStats {
  /** Requests by signal and by HTTP status; `aborted` when the sender went away before its body was whole. */
  requests: Record<Signal, Record<string, number>>;
  /** Body bytes of requests whose body arrived whole, as sent. */
  receivedBytes: number;
  /** The same after decompression. */
  decompressedBytes: number;
  /** Items that were answered with 200, less the rejected ones. */
  accepted: { points: number; spans: number; logRecords: number };
  /** Items that the store turned down within a 200 (partial success). */
  rejected: { points: number; spans: number; logRecords: number };
  /** Bytes of bodies being received, decoded or stored now. */
  inFlightBytes: number;
}

const ITEMS = { metrics: 'points', traces: 'spans', logs: 'logRecords' } as const;

export class StatsCounter {
  private readonly stats: ReceiverStats = {
    requests: { metrics: {}, traces: {}, logs: {} },
    receivedBytes: 0,
    decompressedBytes: 0,
    accepted: { points: 0, spans: 0, logRecords: 0 },
    rejected: { points: 0, spans: 0, logRecords: 0 },
    inFlightBytes: 0,
  };

  outcome(signal: Signal, status: number | 'aborted'): void {
    const counts = this.stats.requests[signal];
    counts[status] = (counts[status] ?? 0) + 1;
  }

  body(wireBytes: number, bytes: number): void {
    this.stats.receivedBytes += wireBytes;
    this.stats.decompressedBytes += bytes;
  }

  stored(request: OtlpRequest, rejected: number): void {
    const kind = ITEMS[request.signal];
    this.stats.accepted[kind] += itemsOf(request) - rejected;
    this.stats.rejected[kind] += rejected;
  }

  /** A copy. */
  read(inFlightBytes: number): ReceiverStats {
    return { ...structuredClone(this.stats), inFlightBytes };
  }
}

function itemsOf(request: OtlpRequest): number {
  let count = 0;
  switch (request.signal) {
    case 'metrics':
      for (const { scopeMetrics } of request.resourceMetrics) {
        for (const { metrics } of scopeMetrics) for (const metric of metrics) count += metric.points.length;
      }
      return count;
    case 'traces':
      for (const { scopeSpans } of request.resourceSpans)
        for (const { spans } of scopeSpans) count += spans.length;
      return count;
    default:
      for (const { scopeLogs } of request.resourceLogs) {
        for (const { logRecords } of scopeLogs) count += logRecords.length;
      }
      return count;
  }
}
