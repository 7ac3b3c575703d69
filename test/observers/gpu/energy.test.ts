import { describe, expect, it } from 'vitest';
import { EnergyTotals } from '../../../src/observers/gpu/energy.ts';

describe('the energy of a GPU', () => {
  it("is what the driver's counter has grown by, over its new starts", () => {
    const totals = new EnergyTotals();
    const readings = [1_000_000, 1_000_400, 1_001_000, 250, 1000];
    expect(readings.map((energy, i) => totals.update('a', { energy, power: 500 }, i * 1000))).toEqual([
      0, 400, 1000, 1250, 2000,
    ]);
  });

  it('goes on over a gap in the readings', () => {
    const totals = new EnergyTotals();
    totals.update('a', { energy: 1000 }, 0);
    expect(totals.update('a', {}, 1000)).toBeUndefined();
    expect(totals.update('a', { energy: 31_000 }, 60_000)).toBe(30_000);
  });

  it('is the power over time without a counter, except for times of which nothing is known', () => {
    const totals = new EnergyTotals();
    totals.update('a', { power: 100 }, 0);
    expect(totals.update('a', { power: 300 }, 1000)).toBe(200);
    expect(totals.update('a', { power: 300 }, 1500)).toBe(350);
    expect(totals.update('a', { power: 300 }, 60_000)).toBe(350);
    expect(totals.update('a', { power: 300 }, 61_000)).toBe(650);
  });
});
