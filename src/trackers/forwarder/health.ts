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
