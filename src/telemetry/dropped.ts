import { ATTR, METRIC } from '../conventions/index.ts';
import type { BoundCounter } from './instruments/bound.ts';
import { instruments } from './instruments/registry.ts';

/**
 * Why something was given up.
 * - `queue_full`: more was recorded than could be sent.
 * - `refused`: the receiver said that the request is bad (400, 413 ...), or rejected a part of it.
 * - `shutdown`: the process ended before the receiver took it.
 */
export type DropReason = 'queue_full' | 'refused' | 'shutdown';
/** Counts by signal, then by reason; only what is above zero. */
export type Drops = Readonly<Record<string, Readonly<Partial<Record<DropReason, number>>>>>;

/** The scope of the package's instruments about itself. */
const SCOPE = 'llm-otel';

/** Counts what was lost, in the instrument `llm_otel.dropped` too. */
export class DropCounter {
  readonly #series = new Map<
    string,
    { signal: string; reason: DropReason; count: number; series: BoundCounter }
  >();

  add(signal: string, reason: DropReason, count: number): void {
    if (!(count > 0)) return;
    const key = `${signal}/${reason}`;
    let entry = this.#series.get(key);
    if (!entry) {
      const series = instruments
        .counter(METRIC.droppedItems, SCOPE)
        .bind({ [ATTR.droppedSignal]: signal, [ATTR.droppedReason]: reason });
      entry = { signal, reason, count: 0, series };
      this.#series.set(key, entry);
    }
    entry.count += count;
    entry.series.add(count);
  }

  total(): number {
    let total = 0;
    for (const { count } of this.#series.values()) total += count;
    return total;
  }

  counts(): Drops {
    const counts: Record<string, Partial<Record<DropReason, number>>> = {};
    for (const { signal, reason, count } of this.#series.values()) (counts[signal] ??= {})[reason] = count;
    return counts;
  }
}
