import { describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { energyMeter } from '../../../src/telemetry/instruments/energy-meter.ts';
import { InstrumentRegistry } from '../../../src/telemetry/instruments/registry.ts';

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
