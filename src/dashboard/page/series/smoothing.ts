/** Largest smoothing factor: at 1 the curve would never move (TensorBoard#5370). */
export const MAX_SMOOTHING = 0.999;

/**
 * Exponential moving average with the start's bias removed (as in Adam, Kingma & Ba 2015, §3): a constant stays
 * that constant, and the first value is itself.
 *
 * `weight` (0 … 0.999) is the share that the past keeps per original point. `gap` is the number of original
 * points that one given point stands for: 1 for a complete series; for a reduced one `(total points) / (points
 * given)` spread by distance on x, so that its curve is near that of the whole series whatever the reduction.
 * Breaks (null) stay breaks and leave the average untouched.
 */
export function smooth(
  x: readonly number[],
  y: readonly (number | null)[],
  weight: number,
  total = y.length,
): (number | null)[] {
  const kept = Math.min(Math.max(weight, 0), MAX_SMOOTHING);
  if (kept === 0) return [...y];
  const first = x[0] ?? 0;
  const span = (x.at(-1) ?? 0) - first;
  const perX = total > y.length && span > 0 ? (total - 1) / span : undefined;
  let average = 0;
  let mass = 0;
  let previous = first;
  return y.map((value, i) => {
    if (value === null) return null;
    const at = x[i] ?? previous;
    // A point of an M4 column shares its place with others: the distance decides, not the count of points.
    const gap = perX === undefined ? 1 : Math.max((at - previous) * perX, i === 0 ? 1 : 1e-3);
    const decay = kept ** gap;
    average = decay * average + (1 - decay) * value;
    mass = decay * mass + (1 - decay);
    previous = at;
    return mass === 0 ? value : average / mass;
  });
}
