/** One line of the isolation table. Figures carry their unit in their name. */
export interface IsolationRow {
  name: string;
  /** Whether the promise was kept; false also for what could not be run. */
  holds: boolean;
  [figure: string]: string | number | boolean | null;
}

export const rounded = (value: number, digits = 0): number | null =>
  Number.isFinite(value) ? Number(value.toFixed(digits)) : null;
