import { describe, expect, it } from 'vitest';
import type { GpuIdentity } from '../../../src/observers/gpu/sample.ts';
import { assignedDevices } from '../../../src/observers/gpu/visible-devices.ts';

const gpu = (index: number, name = 'H100'): GpuIdentity => ({
  id: `GPU-${index}${index}${index}${index}-aaaa`,
  index,
  vendor: 'NVIDIA',
  name,
});
const mig = (index: number, slot: number): GpuIdentity => ({
  id: `MIG-${index}${slot}00-bbbb`,
  migIndex: `${index}:${slot}`,
  parent: gpu(index).id,
  vendor: 'NVIDIA',
  name: 'H100 MIG',
});
const machine = [0, 1, 2, 3].map((index) => gpu(index));

/** Indices of those that are ours; `?` before one of which it is not known. */
function ours(devices: readonly GpuIdentity[], env: Record<string, string>): string {
  const assigned = assignedDevices(devices, env);
  return devices
    .filter(({ id }) => assigned.get(id) !== false)
    .map(({ id, index, migIndex }) => `${assigned.has(id) ? '' : '?'}${index ?? migIndex}`)
    .join(' ');
}

describe('the GPUs that are assigned to a program', () => {
  it.each([
    ['all of them when nothing is said', {}, '0 1 2 3'],
    ['by index', { CUDA_VISIBLE_DEVICES: '2,0' }, '0 2'],
    ['by UUID', { CUDA_VISIBLE_DEVICES: 'GPU-1111-aaaa' }, '1'],
    ['by the beginning of a UUID', { CUDA_VISIBLE_DEVICES: 'GPU-33,1' }, '1 3'],
    ['none', { CUDA_VISIBLE_DEVICES: '' }, ''],
    ['up to the first that is no device', { CUDA_VISIBLE_DEVICES: '1,-1,2' }, '1'],
    ['up to the first that is not there', { CUDA_VISIBLE_DEVICES: '1,7,2' }, '1'],
    ['not by a beginning that fits several', { CUDA_VISIBLE_DEVICES: 'GPU-' }, ''],
    ['by the UUIDs that a container was given', { NVIDIA_VISIBLE_DEVICES: 'GPU-2222-aaaa' }, '2'],
    ['not by the indices of the host that a container was given', { NVIDIA_VISIBLE_DEVICES: '2' }, '0 1 2 3'],
    [
      'by CUDA rather than by the container',
      { CUDA_VISIBLE_DEVICES: '1', NVIDIA_VISIBLE_DEVICES: 'GPU-2' },
      '1',
    ],
    ['all', { NVIDIA_VISIBLE_DEVICES: 'all' }, '0 1 2 3'],
  ])('are known: %s', (_, env, expected) => {
    expect(ours(machine, env)).toBe(expected);
  });

  it('are not known by index where CUDA may count otherwise than NVML', () => {
    const mixed = [gpu(0, 'A100'), gpu(1, 'T4')];
    expect(ours(mixed, { CUDA_VISIBLE_DEVICES: '0' })).toBe('?0 ?1');
    expect(ours(mixed, { CUDA_VISIBLE_DEVICES: '0', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' })).toBe('0');
    expect(ours(mixed, { CUDA_VISIBLE_DEVICES: 'GPU-11' })).toBe('1');
  });

  it('may be MIG devices, with their GPU but not its other parts', () => {
    const devices = [gpu(0), mig(0, 0), mig(0, 1), gpu(1)];
    expect(ours(devices, { CUDA_VISIBLE_DEVICES: 'MIG-0100-bbbb' })).toBe('0 0:1');
    expect(ours(devices, { CUDA_VISIBLE_DEVICES: '0' })).toBe('0 0:0 0:1');
  });

  it("may be AMD's, by variables of their own", () => {
    const amd = machine.map((device): GpuIdentity => ({ ...device, vendor: 'AMD' }));
    expect(ours(amd, { HIP_VISIBLE_DEVICES: '1', CUDA_VISIBLE_DEVICES: '0' })).toBe('1');
    expect(ours(amd, { ROCR_VISIBLE_DEVICES: '0,3' })).toBe('0 3');
  });
});
