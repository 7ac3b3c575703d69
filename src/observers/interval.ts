import { DURATION_FORMAT, parseDuration } from '../conventions/index.ts';

/** Shortest interval: below it, sampling would show in what it measures. */
const SHORTEST = 100;

/**
 * Milliseconds of an interval.
 * @throws TypeError for what is no duration of at least `shortest` ms, default 100.
 */
export function intervalOf(
  name: string,
  interval: string | number | undefined,
  fallback: number,
  shortest = SHORTEST,
): number {
  if (interval === undefined) return fallback;
  const milliseconds = parseDuration(interval);
  if (milliseconds === undefined || milliseconds < shortest) {
    throw new TypeError(
      `${name}: expected ${DURATION_FORMAT} or milliseconds, at least ${shortest} ms, got ${JSON.stringify(interval)}`,
    );
  }
  return milliseconds;
}
