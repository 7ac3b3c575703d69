import { DURATION_FORMAT, parseDuration } from '../../conventions/index.ts';

/** Longest window that may be asked for, ms: more than any retention. */
const LONGEST = 10 * 366 * 86_400_000;

/** Length of a window in ms: `1h`, `6h`, `24h`, `7d` or any duration; a bare number is milliseconds. */
export function parseWindow(text: string): number | undefined {
  const length = parseDuration(text);
  return length !== undefined && length >= 1000 && length <= LONGEST ? length : undefined;
}
export const WINDOW_FORMAT = `${DURATION_FORMAT}, of at least 1s`;
