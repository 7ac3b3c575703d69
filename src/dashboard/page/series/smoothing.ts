/** Largest smoothing factor: at 1 the curve would never move (TensorBoard#5370). */
export const MAX_SMOOTHING = 0.999;

/**
 * Exponential moving average with the start's bias removed (as in Adam, Kingma & Ba 2015, §3): a constant stays
 * that constant, and the first value is itself.
 *
 * `weight` (0 … 0.999) is the share that the past keeps over a distance of one point. `density` is the number of
 * points per unit of x: with it the past fades by distance on x, not by count, so that a line with few points
 * (validation, a reduced series) is smoothed over the same stretch as a dense one beside it. Without it each
 * point is one apart. Breaks (null) stay breaks and leave the average untouched.
 */
export function smooth(
  x: readonly number[],
  y: readonly (number | null)[],
  weight: number,
  density?: number,
): (number | null)[] {
  const kept = Math.min(Math.max(weight, 0), MAX_SMOOTHING);
  if (kept === 0) return [...y];
  let sum = 0;
  let mass = 0;
  let previous = x[0] ?? 0;
  return y.map((value, i) => {
    if (value === null) return null;
    const at = x[i] ?? previous;
    const decay = density === undefined ? kept : kept ** ((at - previous) * density);
    sum = sum * decay + value;
    mass = mass * decay + 1;
    previous = at;
    return sum / mass;
  });
}

/** Points per unit of x of the densest of some lines; `total` counts what a reduction left out. `undefined` without a length. */
export function densityOf(lines: readonly { x: readonly number[]; total: number }[]): number | undefined {
  let densest = 0;
  for (const { x, total } of lines) {
    const span = (x.at(-1) ?? 0) - (x[0] ?? 0);
    if (span > 0) densest = Math.max(densest, (total - 1) / span);
  }
  return densest > 0 ? densest : undefined;
}
