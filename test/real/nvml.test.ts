/**
 * Our reading of NVML beside NVIDIA's own binding: on the stand-in, whose values are known, and on a real GPU where there
 * is one, there also beside nvidia-smi.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAYOUT } from '../../src/observers/gpu/nvml/layout.ts';
import type { GpuDevice, GpuReadings, GpuSample } from '../../src/observers/gpu/sample.ts';
import { startGpuObserver } from '../../src/observers/gpu/start.ts';
import { InstrumentRegistry } from '../../src/telemetry/instruments/registry.ts';
import { NvmlStub, stubPossible } from '../observers/gpu/nvml-stub.ts';
import { realPythonOrSkip } from './python-environment.ts';

const run = promisify(execFile);
const python = realPythonOrSkip("NVIDIA's Python binding");
const script = fileURLToPath(new URL('nvml-reader.py', import.meta.url));

type Theirs = { id: string; name: string; remapped: number[] | null } & Record<string, number | null>;
interface Reading {
  layout: Record<string, Record<string, number>>;
  driver: string;
  devices: Theirs[];
}
async function theirReading(env: Record<string, string>): Promise<Reading> {
  const { stdout } = await run(python as string, [script], {
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  return JSON.parse(stdout) as Reading;
}
async function ourReading(env: Record<string, string>): Promise<GpuSample> {
  const observer = startGpuObserver({ registry: new InstrumentRegistry(), env: { ...process.env, ...env } });
  const sample = await observer.first;
  observer.stop();
  if (!sample) throw new Error('no sample');
  return sample;
}
/** Our value in NVIDIA's unit. */
const theirUnit: Readonly<Record<string, (readings: GpuReadings) => number | undefined>> = {
  memoryTotal: ({ memoryTotal }) => memoryTotal,
  memoryUsed: ({ memoryUsed }) => memoryUsed,
  utilization: ({ utilization }) => times(utilization, 100),
  memoryController: ({ memoryController }) => times(memoryController, 100),
  temperature: ({ temperature }) => temperature,
  power: ({ power }) => times(power, 1000),
  powerLimit: ({ powerLimit }) => times(powerLimit, 1000),
  energy: ({ energy }) => times(energy, 1000),
  smClock: ({ smClock }) => times(smClock, 1e-6),
  eccUncorrected: ({ eccUncorrected }) => eccUncorrected,
  fan: ({ fan }) => times(fan, 100),
  memoryTemperature: ({ memoryTemperature }) => memoryTemperature,
  nvlinkSent: ({ nvlinkSent }) => times(nvlinkSent, 1 / 1024),
  pcieSent: ({ pcieSent }) => pcieSent,
  pcieReceived: ({ pcieReceived }) => pcieReceived,
};
function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : Math.round(value * factor);
}
const inTheirUnits = ({ readings }: GpuDevice) =>
  Object.fromEntries(Object.entries(theirUnit).map(([name, of]) => [name, of(readings) ?? null]));

describe.runIf(python !== undefined && stubPossible)(
  "our NVML beside NVIDIA's binding, on the stand-in",
  () => {
    let stub: NvmlStub;
    let theirs: Reading;
    let ours: GpuSample;
    beforeAll(async () => {
      stub = new NvmlStub();
      [theirs, ours] = await Promise.all([theirReading(stub.env), ourReading(stub.env)]);
    });
    afterAll(() => stub?.remove());

    it('has the same layout of every structure', () => {
      expect(theirs.layout).toEqual(LAYOUT);
    });
    it('reads the same values of all eight GPUs', () => {
      expect(ours.driverVersion).toBe(theirs.driver);
      expect(ours.devices).toHaveLength(8);
      for (const [i, device] of ours.devices.entries()) {
        const { id, name, remapped, ...values } = theirs.devices[i] as Theirs;
        expect([device.identity.id, device.identity.name]).toEqual([id, name]);
        expect(inTheirUnits(device)).toEqual(values);
        const { remappedCorrectable, remappedUncorrectable } = device.readings;
        expect([remappedCorrectable, remappedUncorrectable]).toEqual(remapped?.slice(0, 2));
      }
    });
  },
);

const hasGpu = existsSync('/dev/nvidiactl');
// Hardware is no counterpart that a machine can be given: without it this part is said to be left out, also under CI.
if (!hasGpu) console.log('not run: our NVML on a real NVIDIA GPU: this machine has none');

const onARealGpu = (): void => {
  it('agrees with nvidia-smi: what does not change exactly, the rest about', async () => {
    const fields = 'uuid,name,memory.total,temperature.gpu,power.draw,enforced.power.limit,driver_version';
    const smi = () =>
      run('nvidia-smi', [`--query-gpu=${fields}`, '--format=csv,noheader,nounits'], { timeout: 60_000 });
    const [{ stdout }, ours] = [await smi(), await ourReading({})];
    const lines = stdout.trim().split('\n');
    expect(ours.devices.filter(({ identity }) => !identity.parent)).toHaveLength(lines.length);
    for (const line of lines) {
      const [id, name, total, temperature, power, limit, driver] = line.split(',').map((part) => part.trim());
      const device = ours.devices.find(({ identity }) => identity.id === id);
      expect(device?.identity.name).toBe(name);
      expect(ours.driverVersion).toBe(driver);
      const readings = device?.readings ?? {};
      expect(Math.round((readings.memoryTotal ?? 0) / 1024 ** 2)).toBe(Number(total));
      expect(readings.powerLimit).toBeCloseTo(Number(limit), 1);
      expect(Math.abs((readings.temperature ?? 0) - Number(temperature))).toBeLessThanOrEqual(5);
      expect(Math.abs((readings.power ?? 0) - Number(power))).toBeLessThanOrEqual(Number(limit) / 2);
    }
  });
};
if (hasGpu) describe('our NVML on a real GPU', onARealGpu);
