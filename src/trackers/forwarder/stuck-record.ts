/** A record on which the tracker itself fails (500), alone in its request. Kept with the cursor: a process may be short. */
export interface StuckRecord {
  readonly seq: number;
  readonly tries: number;
  /** When it was first tried alone, milliseconds since the epoch. */
  readonly since: number;
}

/** After so many tries, and so long, it is asked whether it is the record: an outage is over by itself mostly. */
const MIN_TRIES = 8;
const MIN_MS = 10 * 60_000;

/** One more try has failed. */
export function triedAgain(before: StuckRecord | undefined, seq: number, now: number): StuckRecord {
  return before?.seq === seq ? { ...before, tries: before.tries + 1 } : { seq, tries: 1, since: now };
}

export function isHopeless({ tries, since }: StuckRecord, now: number): boolean {
  return tries >= MIN_TRIES && now - since >= MIN_MS;
}
