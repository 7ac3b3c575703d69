/** One figure of the benchmarks. Names are stable: they are compared over time. */
export interface BenchRow {
  name: string;
  value: number;
  unit: string;
  /** `null`: for information; it always holds. */
  goal: number | null;
  better: 'lower' | 'higher';
  holds: boolean;
  /** What it was compared with, in the same run. */
  against?: { name: string; value: number };
}

/** A row; `holds` follows from the goal. */
export function benchRow(row: Omit<BenchRow, 'holds'>): BenchRow {
  const { value, goal, better } = row;
  return { ...row, holds: goal === null || (better === 'lower' ? value <= goal : value >= goal) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
