/**
 * Nanoseconds, given as the halves of an unsigned 64-bit integer, as milliseconds. 2^32 ns = 4294 ms + 967296 ns, so every
 * step is exact up to the last two roundings, and a whole number of milliseconds stays whole.
 */
export function millisecondsOf(high: number, low: number): number {
  return high * 4294 + (high * 967296 + low) / 1e6;
}

/** Milliseconds with a fraction back to nanoseconds, to the precision that the double has (about 0.25 us today). */
export function nanosecondsOf(milliseconds: number): bigint {
  const whole = Math.trunc(milliseconds);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((milliseconds - whole) * 1e6));
}
