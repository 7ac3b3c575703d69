import type { RunSink } from '../sink.ts';
import type { SinkProgress } from './progress.ts';
import type { SinkTrouble } from './trouble.ts';

/**
 * Where the forwarding of a run to one tracker stands.
 * - `current`: the tracker has everything. `sending`: on the way.
 * - `unavailable`: down, slow or overloaded: tried again by and by. `refusing`: it refuses every record, or the run
 *   itself; `unauthorized`: it wants other credentials: both tried again rarely.
 * - `given_up`: not tried any more in this process (`onSinkError: warn`, or stopped); `llm-otel sync` does.
 */
export type SinkStatus = 'current' | 'sending' | 'unavailable' | 'refusing' | 'unauthorized' | 'given_up';

/** JSON as it is, so that the hub's API can show it. */
export type SinkHealth = {
  sink: string;
  /** Where it goes, without credentials. */
  target: string;
  /** Page of the run in the tracker. */
  url: string | null;
  status: SinkStatus;
  /** Everything up to this `seq` was taken or set aside; -1 for nothing. */
  acknowledged: number;
  /** Records that the tracker does not have yet. */
  lag: number;
  /** Records sent by this process. */
  sent: number;
  /** Calls that failed and were, or will be, made again. */
  retried: number;
  /** Records refused for good, in all; the newest with their reasons. */
  refused: number;
  refusals: { seq: number; message: string }[];
  /** System samples and console lines that were dropped, since the tracker could not take them in time. */
  dropped: number;
  lastError: string | null;
  /** Milliseconds since the epoch; null for never. */
  lastErrorAt: number | null;
  lastSentAt: number | null;
};

const SHOWN_REFUSALS = 10;

/** Puts together what is known of a sink. */
export function sinkHealth(
  sink: RunSink,
  { seq, refused, refusedTotal }: SinkProgress,
  { retried, lastError, lastErrorAt }: Pick<SinkTrouble, 'retried' | 'lastError' | 'lastErrorAt'>,
  counted: Pick<SinkHealth, 'status' | 'lag' | 'sent' | 'dropped' | 'lastSentAt'>,
): SinkHealth {
  return {
    sink: sink.name,
    target: sink.target ?? '',
    url: sink.url?.() ?? null,
    ...counted,
    acknowledged: seq,
    retried,
    refused: refusedTotal,
    refusals: refused.slice(-SHOWN_REFUSALS).map((record) => ({ ...record })),
    lastError: lastError ?? null,
    lastErrorAt: lastErrorAt ?? null,
  };
}
