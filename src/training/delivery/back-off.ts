/** How long to wait after failures. */
export interface BackOff {
  /** Upper bound of the first wait, milliseconds; doubled with each further failure. */
  firstMs: number;
  maxMs: number;
  /** 0 to 1. */
  random: () => number;
}

export const DEFAULT_BACK_OFF: BackOff = { firstMs: 500, maxMs: 30_000, random: Math.random };

/** A receiver that asks for more is not believed: someone may have mistaken milliseconds for seconds. */
const MAX_RETRY_AFTER_MS = 15 * 60_000;

/**
 * Milliseconds to wait after the `failures`-th failure in a row (from 1): anything up to the bound (full jitter, so
 * that the ranks of a job do not come back all at once), at least what the receiver asked for.
 */
export function delayMs(backOff: BackOff, failures: number, retryAfterMs = 0): number {
  const bound = Math.min(backOff.maxMs, backOff.firstMs * 2 ** Math.min(failures - 1, 30));
  const asked = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return asked > 0 ? asked + backOff.random() * Math.min(asked, bound) : backOff.random() * bound;
}
