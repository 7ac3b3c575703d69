import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GpuDevice, GpuSample } from '../../../src/observers/gpu/sample.ts';
import { SampleDecoder, SampleEncoder } from '../../../src/observers/gpu/wire.ts';

const device = (id: number, changes: Partial<GpuDevice> = {}): GpuDevice => ({
  identity: { id: `GPU-${id}`, index: id, vendor: 'NVIDIA', name: 'H100' },
  state: 'ok',
  readings: { utilization: 0.5, temperature: 40, throttle: ['power_cap'] },
  ...changes,
});
const sample = (...devices: GpuDevice[]): GpuSample => ({ source: 'nvml', driverVersion: '580', devices });
const wire = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('samples on their way to the program', () => {
  it('are whole at first, and then what has changed', () => {
    const encoder = new SampleEncoder();
    expect(encoder.encode(sample(device(0)))).toMatchObject({
      whole: true,
      devices: [{ set: { temperature: 40 } }],
    });
    const next = device(0, { readings: { utilization: 0.9, temperature: 40, throttle: ['power_cap'] } });
    expect(encoder.encode(sample(next))).toEqual({
      source: 'nvml',
      driverVersion: '580',
      whole: false,
      devices: [{ id: 'GPU-0', state: 'ok', set: { utilization: 0.9 } }],
    });
  });

  it('arrive as they were sent, whatever comes and goes', () => {
    const readings = fc.record(
      {
        utilization: fc.constantFrom(0, 0.5, 1),
        power: fc.nat(3),
        throttle: fc.subarray(['power_cap', 'hw_thermal'] as const),
        remapPending: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    const one = fc.record({
      id: fc.nat(3),
      state: fc.constantFrom('ok' as const, 'failed' as const),
      readings,
      name: fc.constantFrom('H100', 'A100'),
    });
    const samples = fc.array(fc.uniqueArray(one, { selector: ({ id }) => id, maxLength: 4 }), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(samples, (list) => {
        const encoder = new SampleEncoder();
        const decoder = new SampleDecoder();
        for (const devices of list) {
          const sent = sample(
            ...devices.map(({ id, name, ...rest }) =>
              device(id, { ...rest, identity: { ...device(id).identity, name } }),
            ),
          );
          expect(decoder.decode(wire(encoder.encode(sent)))).toEqual(wire(sent));
        }
      }),
    );
  });

  it('wait for a whole one when the one before is not known, and begin anew with it', () => {
    const encoder = new SampleEncoder();
    encoder.encode(sample(device(0)));
    const decoder = new SampleDecoder();
    expect(decoder.decode(encoder.encode(sample(device(0))))).toBeUndefined();
    const other = new SampleEncoder();
    expect(decoder.decode(other.encode(sample(device(1))))?.devices).toEqual([device(1)]);
  });

  it('keep the identity of a device the same object', () => {
    const encoder = new SampleEncoder();
    const decoder = new SampleDecoder();
    const [first, second] = [0, 1].map(() => decoder.decode(wire(encoder.encode(sample(device(0))))));
    expect(second?.devices[0]?.identity).toBe(first?.devices[0]?.identity);
  });
});
