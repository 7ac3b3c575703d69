import { describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { EnergyTotals, energyMeter } from '../../../src/observers/gpu/energy.ts';
import { InstrumentRegistry } from '../../../src/telemetry/instruments/registry.ts';

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

describe('an energy meter', () => {
  const setting = () => {
    const registry = new InstrumentRegistry();
    const energy = registry.counter(METRIC.hwEnergy, 'test');
    const gpu = (id: string, assigned?: boolean) =>
      energy.bind({ [ATTR.hwId]: id, ...(assigned !== undefined && { [ATTR.gpuAssigned]: assigned }) });
    return { registry, energy, gpu };
  };

  it('counts from where it began, all GPUs together, and begins anew with a lap', () => {
    const { registry, gpu } = setting();
    gpu('a').setTotal(100);
    gpu('b').setTotal(1000);
    const meter = energyMeter(registry);
    expect(meter.joules()).toBe(0);
    gpu('a').setTotal(150);
    gpu('b').setTotal(1030);
    expect([meter.joules(), meter.lap(), meter.lap()]).toEqual([80, 80, 0]);
  });

  it('leaves out the GPUs of others', () => {
    const { registry, gpu } = setting();
    const meter = energyMeter(registry);
    gpu('a', true).setTotal(5);
    gpu('b', false).setTotal(1000);
    expect(meter.joules()).toBe(5);
  });

  it('does not know without a GPU that tells', () => {
    expect(energyMeter(setting().registry).joules()).toBeUndefined();
  });
});
