import { AmdSource } from './amd/source.ts';
import { type Koffi, libraryPaths, loadNvml } from './nvml/library.ts';
import { NvmlSource } from './nvml/source.ts';
import type { SamplerSettings } from './sampler-settings.ts';
import { SmiSource } from './smi/source.ts';
import { DriverTrouble, type GpuSource } from './source.ts';

export interface OpenedSources {
  readonly sources: readonly GpuSource[];
  /** What was missing, for the log. */
  readonly missing: readonly string[];
}

/**
 * Opens what this machine has: NVIDIA through NVML, else through nvidia-smi; AMD through sysfs.
 * @throws DriverTrouble when NVIDIA's driver is there and cannot be talked to.
 */
export async function openSources(
  settings: SamplerSettings,
  log: (message: string) => void,
): Promise<OpenedSources> {
  const sources: GpuSource[] = [];
  const missing: string[] = [];
  const nvidia = await openNvidia(settings, log, missing);
  if (nvidia) sources.push(nvidia);
  if (process.platform === 'linux') {
    const firstIndex = nvidia?.poll(false)?.devices.filter(({ identity }) => !identity.parent).length ?? 0;
    const amd = new AmdSource({ sys: settings.sys, firstIndex });
    if (amd.count > 0) sources.push(amd);
  }
  return { sources, missing };
}

async function openNvidia(
  settings: SamplerSettings,
  log: (message: string) => void,
  missing: string[],
): Promise<GpuSource | undefined> {
  const koffi = await importKoffi();
  if (koffi) {
    const library = loadNvml(koffi, libraryPaths(process.platform, settings.nvmlLibrary || undefined));
    if (library) return new NvmlSource({ library, processes: settings.processes, log });
    missing.push("NVIDIA's libnvidia-ml.so.1");
  } else {
    missing.push('the optional package koffi, which NVML is called through');
  }
  const smi = new SmiSource({ intervalMs: settings.intervalMs, command: settings.smi });
  if (await smi.open()) return smi;
  smi.close();
  missing.push('a working nvidia-smi');
  return undefined;
}

async function importKoffi(): Promise<Koffi | undefined> {
  try {
    return ((await import('koffi')) as unknown as { default: Koffi }).default;
  } catch {
    return undefined; // an optional dependency, or not for this platform
  }
}

/** Several makers' samples as one. Undefined when a source is silent. @throws DriverTrouble */
export function pollAll(sources: readonly GpuSource[], slow: boolean): ReturnType<GpuSource['poll']> {
  const samples = sources.map((source) => source.poll(slow));
  const known = samples.filter((sample) => sample !== undefined);
  if (known.length < samples.length) return undefined;
  const [first, ...others] = known;
  if (!first) throw new DriverTrouble('no source is open');
  if (others.length === 0) return first;
  return {
    ...first,
    source: known.map(({ source }) => source).join('+'),
    devices: known.flatMap(({ devices }) => devices),
  };
}
