/** Ascending, disjoint, not touching, ends inclusive. */
export type Interval = [first: number, last: number];

/** Adds an integer to a set of intervals in place; false when it was there. */
export function addToIntervals(intervals: Interval[], value: number): boolean {
  // Nearly always the next after the newest.
  let at = intervals.length - 1;
  while (at >= 0 && intervals[at]![0] > value) at--;
  const before = intervals[at];
  if (before !== undefined && value <= before[1]) return false;
  const after = intervals[at + 1];
  const joinsBefore = before !== undefined && before[1] === value - 1;
  const joinsAfter = after !== undefined && after[0] === value + 1;
  if (joinsBefore && joinsAfter) {
    before[1] = after[1];
    intervals.splice(at + 1, 1);
  } else if (joinsBefore) before[1] = value;
  else if (joinsAfter) after[0] = value;
  else intervals.splice(at + 1, 0, [value, value]);
  return true;
}

export function sizeOfIntervals(intervals: readonly Interval[]): number {
  let size = 0;
  for (const [first, last] of intervals) size += last - first + 1;
  return size;
}
