import { formatSize } from '../../conventions/index.ts';
import type { CollectorReading, ExporterReading } from './reading.ts';

/** How a destination does, in the order of urgency. */
export type DestinationState = 'losing' | 'refused' | 'full' | 'behind' | 'delivering' | 'idle';

export interface DestinationStatus {
  /** Name of the destination: what stands behind the slash of its exporters. */
  destination: string;
  state: DestinationState;
  /** For people; no markup. */
  message: string;
  sent: number;
  failed: number;
  overflowed: number;
  /** Fullest of its queues, 0 to 1; null when it has none. */
  queueFill: number | null;
}

/** From here on a queue is worth a word. */
const NEARLY_FULL = 0.7;
/** Below this, a queue holds what is on its way, not what cannot leave. */
const ON_ITS_WAY_BYTES = 1024 * 1024;
/** Exporters that the base brings for itself. */
const INTERNAL = new Set(['nop/none']);

/**
 * What each destination does, from two readings of the Collector's own metrics.
 * @param before the reading before this one; without one, counts are taken since the start
 */
export function destinationStatus(now: CollectorReading, before?: CollectorReading): DestinationStatus[] {
  const byDestination = new Map<string, ExporterReading[]>();
  for (const exporter of now.exporters) {
    if (INTERNAL.has(exporter.exporter)) continue;
    const name = destinationOf(exporter.exporter);
    byDestination.set(name, [...(byDestination.get(name) ?? []), exporter]);
  }
  const earlier = new Map(before?.exporters.map((exporter) => [exporter.exporter, exporter]));
  return [...byDestination].map(([destination, exporters]) => describe(destination, exporters, earlier));
}

/** `file/traces`, `file/metrics`, `file/logs` are one destination; `otlp_http/hub` is `hub`. */
export function destinationOf(exporter: string): string {
  const [type = exporter, name] = exporter.split('/');
  return type === 'file' || name === undefined ? type : name;
}

function describe(
  destination: string,
  exporters: readonly ExporterReading[],
  earlier: ReadonlyMap<string, ExporterReading>,
): DestinationStatus {
  const sum = (field: 'sent' | 'failed' | 'overflowed') =>
    exporters.reduce((total, exporter) => total + exporter[field], 0);
  const grown = (field: 'sent' | 'failed' | 'overflowed') =>
    exporters.reduce((total, exporter) => {
      const was = earlier.get(exporter.exporter)?.[field] ?? 0;
      // A restarted Collector counts from zero again.
      return total + (exporter[field] >= was ? exporter[field] - was : exporter[field]);
    }, 0);
  const queues = exporters.flatMap((exporter) => [...exporter.queues.values()]);
  const waiting = queues.reduce((total, queue) => total + queue.size, 0);
  const fill =
    queues.length === 0 ? null : Math.max(...queues.map((q) => (q.capacity > 0 ? q.size / q.capacity : 0)));
  const counted = { sent: sum('sent'), failed: sum('failed'), overflowed: sum('overflowed') };
  const [state, message] = judge({
    waiting,
    fill,
    sent: grown('sent'),
    failed: grown('failed'),
    overflowed: grown('overflowed'),
    ...(waitsInBytes(queues) ? { waitingText: formatSize(waiting) } : { waitingText: `${waiting} requests` }),
    isBacklog: waitsInBytes(queues) ? waiting > ON_ITS_WAY_BYTES : waiting > 1,
  });
  return { destination, state, message, ...counted, queueFill: fill };
}

/** Queues count bytes in the shipped files; a capacity of some thousands is one of requests. */
const waitsInBytes = (queues: readonly { capacity: number }[]) =>
  queues.some(({ capacity }) => capacity >= 100_000);

function judge(facts: {
  waiting: number;
  waitingText: string;
  isBacklog: boolean;
  fill: number | null;
  sent: number;
  failed: number;
  overflowed: number;
}): [DestinationState, string] {
  const { waiting, waitingText, fill, sent, failed, overflowed } = facts;
  const percent = fill === null ? '' : fill < 0.01 ? 'under 1 %' : `${Math.round(fill * 100)} %`;
  if (overflowed > 0)
    return [
      'losing',
      `its queue is full (${percent}): ${count(overflowed)} items found no room. Bring it back, or give it a larger queue`,
    ];
  if (failed > 0)
    return [
      'refused',
      `it refused ${count(failed)} items for good: they are dropped. See the Collector's log for its answer`,
    ];
  if (fill !== null && fill >= NEARLY_FULL)
    return [
      'full',
      `its queue is ${percent} full (${waitingText})${sent > 0 ? '' : ', and nothing arrives'}`,
    ];
  if (waiting > 0 && sent === 0)
    return [
      'behind',
      `nothing arrives; ${waitingText} wait in its queue (${percent}) and are sent when it is back`,
    ];
  if (facts.isBacklog) return ['behind', `catching up: ${count(sent)} items arrived, ${waitingText} wait`];
  if (sent > 0) return ['delivering', `${count(sent)} items arrived`];
  return ['idle', 'nothing to send'];
}

const count = (items: number) => Math.round(items).toLocaleString('en');
