import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AmdSource } from '../../../src/observers/gpu/amd/source.ts';
import { gpuMayBePresent } from '../../../src/observers/gpu/presence.ts';
import { fixtureTree, write } from '../fixture-tree.ts';

const GIB = 1024 ** 3;
/** An MI300X as the kernel shows it. */
const mi300 = (card: number, pci: string, id: string) => {
  const device = `class/drm/card${card}/device`;
  return {
    [`${device}/vendor`]: '0x1002\n',
    [`${device}/uevent`]: `DRIVER=amdgpu\nPCI_SLOT_NAME=${pci}\n`,
    [`${device}/unique_id`]: `${id}\n`,
    [`${device}/product_name`]: 'AMD Instinct MI300X\n',
    [`${device}/gpu_busy_percent`]: '87\n',
    [`${device}/mem_busy_percent`]: '31\n',
    [`${device}/mem_info_vram_used`]: `${64 * GIB}\n`,
    [`${device}/mem_info_vram_total`]: `${192 * GIB}\n`,
    [`${device}/power/runtime_status`]: 'active\n',
    [`${device}/ras/umc_err_count`]: 'ue: 0\nce: 3\n',
    [`${device}/hwmon/hwmon${card}/power1_input`]: '512000000\n',
    [`${device}/hwmon/hwmon${card}/power1_cap`]: '750000000\n',
    [`${device}/hwmon/hwmon${card}/freq1_input`]: '2100000000\n',
    [`${device}/hwmon/hwmon${card}/temp1_label`]: 'edge\n',
    [`${device}/hwmon/hwmon${card}/temp1_input`]: '51000\n',
    [`${device}/hwmon/hwmon${card}/temp2_label`]: 'junction\n',
    [`${device}/hwmon/hwmon${card}/temp2_input`]: '66000\n',
    [`${device}/hwmon/hwmon${card}/temp3_label`]: 'mem\n',
    [`${device}/hwmon/hwmon${card}/temp3_input`]: '58000\n',
  };
};
const intel = { 'class/drm/card0/device/vendor': '0x8086\n', 'class/drm/card0-DP-1/status': 'connected\n' };

describe("AMD's GPUs", () => {
  const machine = () =>
    fixtureTree({ ...intel, ...mi300(2, '0000:05:00.0', 'b222'), ...mi300(1, '0000:26:00.0', 'a111') });

  it('are read from sysfs in SI units, in the order of their addresses', () => {
    const { source, devices } = new AmdSource({ sys: machine(), firstIndex: 1 }).poll(true);
    expect(source).toBe('amdgpu');
    expect(devices.map(({ identity }) => [identity.index, identity.pciAddress])).toEqual([
      [1, '0000:05:00.0'],
      [2, '0000:26:00.0'],
    ]);
    expect(devices[0]).toEqual({
      identity: {
        id: 'GPU-b222',
        index: 1,
        vendor: 'AMD',
        name: 'AMD Instinct MI300X',
        pciAddress: '0000:05:00.0',
      },
      state: 'ok',
      readings: {
        utilization: 0.87,
        memoryController: 0.31,
        memoryUsed: 64 * GIB,
        memoryTotal: 192 * GIB,
        power: 512,
        powerLimit: 750,
        graphicsClock: 2.1e9,
        temperature: 51,
        hotspotTemperature: 66,
        memoryTemperature: 58,
        eccCorrected: 3,
        eccUncorrected: 0,
      },
    });
  });

  it('leave a gap for a file that is not there, and are not woken from their sleep', () => {
    const sys = machine();
    const source = new AmdSource({ sys });
    rmSync(join(sys, 'class/drm/card2/device/gpu_busy_percent'));
    write(sys, { 'class/drm/card1/device/power/runtime_status': 'suspended\n' });
    const [first, second] = source.poll(false).devices;
    expect(first?.readings).not.toHaveProperty('utilization');
    expect(first?.readings).toHaveProperty('power', 512);
    expect(second).toMatchObject({ state: 'ok', readings: {} });
  });

  it('prefer the average of the power draw where there is one', () => {
    const sys = machine();
    write(sys, { 'class/drm/card2/device/hwmon/hwmon2/power1_average': '400000000\n' });
    expect(new AmdSource({ sys }).poll(true).devices[0]?.readings.power).toBe(400);
  });

  it('show as failed when they vanish between two looks for them, then are gone', () => {
    const sys = machine();
    const source = new AmdSource({ sys });
    source.poll(true);
    rmSync(join(sys, 'class/drm/card1'), { recursive: true });
    expect(source.poll(false).devices[1]).toMatchObject({ state: 'failed', readings: {} });
    expect(source.poll(true).devices).toHaveLength(1);
  });

  it('are none on a machine of other makers, which is seen without starting anything', () => {
    const sys = fixtureTree(intel);
    expect(new AmdSource({ sys }).count).toBe(0);
    expect(gpuMayBePresent({ platform: 'linux', env: {}, sys: machine() })).toBe(true);
    expect(gpuMayBePresent({ platform: 'darwin', env: {}, sys })).toBe(false);
  });
});
