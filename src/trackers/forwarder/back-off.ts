/** How long to wait after failures. */
export interface SinkBackOff {
  /** Upper bound of the first wait, milliseconds; doubled with each further failure. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** 0 to 1. */
  readonly random: () => number;
}

export const SINK_BACK_OFF: SinkBackOff = { firstMs: 500, maxMs: 60_000, random: Math.random };

/** A tracker that asks for more is not believed: someone may have mistaken milliseconds for seconds. */
const MAX_RETRY_AFTER_MS = 15 * 60_000;

/**
 * Milliseconds to wait after the `failures`-th failure in a row (from 1): anything up to the bound (full jitter, so
 * that many runs do not come back all at once), at least what the tracker asked for.
 */
export function waitMs(backOff: SinkBackOff, failures: number, retryAfterMs = 0): number {
  const bound = Math.min(backOff.maxMs, backOff.firstMs * 2 ** Math.min(failures - 1, 30));
  const asked = Math.min(Math.max(0, retryAfterMs), MAX_RETRY_AFTER_MS);
  return asked > 0 ? asked + backOff.random() * Math.min(asked, bound) : backOff.random() * bound;
}
