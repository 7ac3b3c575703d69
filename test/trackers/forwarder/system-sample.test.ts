import { describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { InstrumentRegistry } from '../../../src/telemetry/index.ts';
import { SystemSampler } from '../../../src/training/system-sample.ts';
import { SYSTEM_ENTRIES } from '../../../src/trackers/index.ts';

describe('a sample of what the process observes', () => {
  it('is empty where nothing observes', () => {
    expect(new SystemSampler(new InstrumentRegistry(), () => 0).sample()).toEqual({});
  });

  it('has the values of each GPU, in the units of the catalogue', () => {
    const registry = new InstrumentRegistry();
    const usage = registry.gauge(METRIC.gpuMemoryUtilization, 'test');
    usage.bind({ [ATTR.gpuIndex]: 0 }).set(0.25);
    usage.bind({ [ATTR.gpuIndex]: 3 }).set(0.5);
    const values = new SystemSampler(registry, () => 0).sample();
    expect(values).toEqual({ 'gpu_0/memory_utilization': 0.25, 'gpu_3/memory_utilization': 0.5 });
  });

  it('sees what observers measure only when they are asked, and rates from the second sample on', () => {
    const registry = new InstrumentRegistry();
    const entry = SYSTEM_ENTRIES.find(({ key }) => key === 'system/network_receive_bytes_per_second');
    if (entry?.source.from !== 'rate') throw new Error('the catalogue has no network rate');
    const definition = Object.values(METRIC).find(({ name }) => name === entry.source.metric);
    const counter = registry.counter(definition as never, 'test').bind(entry.source.where ?? {});
    let total = 1000;
    registry.onCollect(() => counter.setTotal(total));
    let clock = 0;
    const sampler = new SystemSampler(registry, () => clock);
    expect(sampler.sample()).toEqual({});
    clock = 10_000;
    total = 6000;
    expect(sampler.sample()).toEqual({ [entry.key]: 500 * (entry.source.scale ?? 1) });
    clock = 20_000;
    total = 10;
    registry.onCollect(() => void (counter.value = 10));
    expect(sampler.sample()).toEqual({});
  });
});
