import type { Store } from '../../../src/hub/store/store.ts';
import { type Ledger, METRIC_NAME, RUN_ID, SPAN_SEQ, traceIdOf } from './ledger.ts';

export interface Holdings {
  /** Items that were acknowledged to the client and are not in the hub. */
  missing: number;
  /** Items that the hub holds more than once. */
  twice: number;
  /** Repeated items that the hub recognised. */
  recognised: number;
}

/** Asks the hub itself what it holds, item by item, in all three signals. */
export async function holdings(store: Store, ledger: Ledger): Promise<Holdings> {
  const held = {
    traces: new Map<number, number>(),
    metrics: new Map<number, number>(),
    logs: new Map<number, number>(),
  };
  const add = (into: Map<number, number>, seq: number): void => {
    into.set(seq, (into.get(seq) ?? 0) + 1);
  };
  for (const series of await store.points({
    name: METRIC_NAME,
    where: {},
    from: 0,
    to: Infinity,
    maxPoints: 0,
  }))
    for (const value of series.value) add(held.metrics, value);
  const steps = await store.series({ run: RUN_ID, key: 'train/loss', x: 'step', maxPoints: 0 });
  for (const step of steps?.step ?? []) add(held.logs, step as number);
  const last = ledger.sent.traces.length - 1;
  const traces = new Set(Array.from({ length: last + 1 }, (_, seq) => traceIdOf(seq)));
  for (const id of traces)
    for (const { attributes } of await store.trace(id)) add(held.traces, Number(attributes[SPAN_SEQ]));
  let missing = 0;
  let twice = 0;
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    for (const seq of ledger.acknowledged[signal]) if (!held[signal].has(seq)) missing++;
    for (const count of held[signal].values()) if (count > 1) twice++;
  }
  const { points, spans, runRecords } = store.stats().duplicates;
  return { missing, twice, recognised: points + spans + runRecords };
}
