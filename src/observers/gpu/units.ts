/** From a source's unit to the SI's. By division where the factor is no binary number: 41 % is 0.41 and not 0.41000000000000003. */
export type Convert = (value: number) => number;

export const UNIT = {
  plain: (value) => value,
  percent: (value) => value / 100,
  milli: (value) => value / 1e3,
  micro: (value) => value / 1e6,
  mega: (value) => value * 1e6,
  mebi: (value) => value * 1024 * 1024,
} as const satisfies Record<string, Convert>;
