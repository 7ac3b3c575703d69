import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../src/conventions/index.ts';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['30d', 2_592_000_000],
    ['250', 250],
    ['0', 0],
    [' 3 S ', 3000],
    [1000, 1000],
  ])('reads %j as %d ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['', 's', '10x', '-1s', '1e3', '10 s 5', '1s2', 'NaN', -1, Number.NaN, Infinity])(
    'says that %j is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('gives what was written, in every unit', () => {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])),
        (n, unit) => parseDuration(`${n}${unit}`) === n * units[unit],
      ),
    );
  });
});
