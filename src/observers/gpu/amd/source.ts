import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GpuDevice, GpuIdentity, GpuReadings, GpuSample } from '../sample.ts';
import { stateOf } from '../sample.ts';
import type { GpuSource } from '../source.ts';
import { type Convert, UNIT } from '../units.ts';

const AMD_VENDOR = '0x1002';

/**
 * File below the device → reading and unit. Source: the kernel's documentation of amdgpu
 * (Documentation/gpu/amdgpu/thermal.rst, driver-misc.rst).
 */
const DEVICE_FILES: readonly (readonly [file: string, key: keyof GpuReadings, convert: Convert])[] = [
  ['gpu_busy_percent', 'utilization', UNIT.percent],
  ['mem_busy_percent', 'memoryController', UNIT.percent],
  ['mem_info_vram_used', 'memoryUsed', UNIT.plain],
  ['mem_info_vram_total', 'memoryTotal', UNIT.plain],
];
/** Files of hwmon: millidegrees, microwatts, microjoules, hertz. The first of several that is there counts. */
const SENSOR_FILES: readonly (readonly [
  files: readonly string[],
  key: keyof GpuReadings,
  convert: Convert,
])[] = [
  [['power1_average', 'power1_input'], 'power', UNIT.micro],
  [['power1_cap'], 'powerLimit', UNIT.micro],
  [['energy1_input'], 'energy', UNIT.micro],
  [['freq1_input'], 'graphicsClock', UNIT.plain],
  [['freq2_input'], 'memoryClock', UNIT.plain],
  [['fan1_input'], 'fanRpm', UNIT.plain],
];
/** Labels of temperature sensors; the numbers differ between boards. */
const TEMPERATURES: Readonly<Record<string, keyof GpuReadings>> = {
  edge: 'temperature',
  junction: 'hotspotTemperature',
  mem: 'memoryTemperature',
};

interface AmdGpu {
  readonly identity: GpuIdentity;
  readonly device: string;
  readonly hwmon: string | undefined;
  /** File → reading. */
  readonly temperatures: readonly (readonly [file: string, key: keyof GpuReadings])[];
}

/** AMD's GPUs from sysfs: no program, no library, no privileges. */
export class AmdSource implements GpuSource {
  readonly name = 'amdgpu';
  readonly #sys: string;
  readonly #firstIndex: number;
  #gpus: readonly AmdGpu[];

  /** @param firstIndex Index of the first GPU: those of other makers come before. */
  constructor(options: { sys?: string; firstIndex?: number } = {}) {
    this.#sys = options.sys ?? '/sys';
    this.#firstIndex = options.firstIndex ?? 0;
    this.#gpus = this.#find();
  }

  /** Number of GPUs that are there. */
  get count(): number {
    return this.#gpus.length;
  }

  poll(slow: boolean): GpuSample {
    if (slow) this.#gpus = this.#find();
    return { source: this.name, devices: this.#gpus.map(readGpu) };
  }

  close(): void {}

  #find(): AmdGpu[] {
    const cards = list(join(this.#sys, 'class/drm'))
      .filter((name) => /^card\d+$/.test(name))
      .map((name) => join(this.#sys, 'class/drm', name, 'device'))
      .filter((device) => text(join(device, 'vendor')) === AMD_VENDOR && has(device, 'mem_info_vram_total'))
      .map((device) => ({ device, pci: pciAddress(device) }));
    // As rocm-smi counts them: by PCI address. The numbers of the cards depend on what the kernel found first.
    cards.sort((a, b) => (a.pci ?? a.device).localeCompare(b.pci ?? b.device));
    return cards.map(({ device, pci }, i) => {
      const unique = text(join(device, 'unique_id'));
      const serial = text(join(device, 'serial_number'));
      const hwmonName = list(join(device, 'hwmon'))[0];
      const hwmon = hwmonName === undefined ? undefined : join(device, 'hwmon', hwmonName);
      const identity: GpuIdentity = {
        id: unique ? `GPU-${unique}` : (pci ?? device),
        index: this.#firstIndex + i,
        vendor: 'AMD',
        name: text(join(device, 'product_name')) || 'AMD GPU',
        ...(serial && { serial }),
        ...(pci !== undefined && { pciAddress: pci }),
      };
      return { identity, device, hwmon, temperatures: temperatureFiles(hwmon) };
    });
  }
}

function readGpu({ identity, device, hwmon, temperatures }: AmdGpu): GpuDevice {
  const readings: GpuReadings = {};
  // A sleeping GPU would be woken by the reading.
  if (text(join(device, 'power/runtime_status')) === 'suspended') return { identity, state: 'ok', readings };
  const put = (path: string, key: keyof GpuReadings, convert: Convert): boolean => {
    const value = Number(text(path) || Number.NaN);
    if (!Number.isFinite(value)) return false;
    (readings as Record<string, number>)[key] = convert(value);
    return true;
  };
  let read = 0;
  for (const [file, key, convert] of DEVICE_FILES) if (put(join(device, file), key, convert)) read++;
  if (hwmon !== undefined) {
    for (const [files, key, convert] of SENSOR_FILES)
      if (files.some((file) => put(join(hwmon, file), key, convert))) read++;
    for (const [file, key] of temperatures) put(join(hwmon, file), key, UNIT.milli);
    const fan = Number(text(join(hwmon, 'pwm1')) || Number.NaN);
    const most = Number(text(join(hwmon, 'pwm1_max')) || 255);
    if (Number.isFinite(fan) && most > 0) readings.fan = fan / most;
  }
  ras(readings, device);
  if (read === 0)
    return { identity, state: 'failed', reason: 'its files cannot be read any more', readings: {} };
  return { identity, ...stateOf(readings), readings };
}

/** `ras/umc_err_count`: `ue: 0` and `ce: 0`, errors of the memory. */
function ras(readings: GpuReadings, device: string): void {
  const counts = text(join(device, 'ras/umc_err_count'));
  const uncorrected = /^ue:\s*(\d+)/m.exec(counts ?? '')?.[1];
  const corrected = /^ce:\s*(\d+)/m.exec(counts ?? '')?.[1];
  if (uncorrected !== undefined) readings.eccUncorrected = Number(uncorrected);
  if (corrected !== undefined) readings.eccCorrected = Number(corrected);
}

function temperatureFiles(hwmon: string | undefined): [string, keyof GpuReadings][] {
  if (hwmon === undefined) return [];
  return list(hwmon).flatMap((name) => {
    const sensor = /^(temp\d+)_label$/.exec(name)?.[1];
    const key = sensor && TEMPERATURES[text(join(hwmon, name)) ?? ''];
    return key ? ([[`${sensor}_input`, key]] as [string, keyof GpuReadings][]) : [];
  });
}

function pciAddress(device: string): string | undefined {
  return /^PCI_SLOT_NAME=(.+)$/m.exec(text(join(device, 'uevent')) ?? '')?.[1];
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return undefined;
  }
}

function has(directory: string, name: string): boolean {
  return text(join(directory, name)) !== undefined;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
