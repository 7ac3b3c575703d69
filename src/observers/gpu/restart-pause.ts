/** The longest pause, as a multiple of the first. */
const LONGEST = 60;

/** Pause before what ended is started anew, after so many ends in a row (from 0): it doubles, up to 60 times the first. */
export function restartPause(restartMs: number, ends: number): number {
  return restartMs * Math.min(2 ** ends, LONGEST);
}

/** Who has lived for longer than the longest pause begins with the shortest again. */
export function hasLived(restartMs: number, livedMs: number): boolean {
  return livedMs > restartMs * LONGEST;
}
