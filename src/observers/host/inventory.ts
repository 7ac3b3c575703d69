import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, hostname, release, totalmem, type } from 'node:os';

import { InstrumentRegistry } from '../../telemetry/instruments/registry.ts';
import { startGpuObserver } from '../gpu/start.ts';

/** A driver that has to be woken takes seconds; one that hangs is not waited for longer. */
const GPU_ANSWER_MS = 10_000;

/** A GPU of the inventory. */
export interface InventoryGpu {
  readonly id: string;
  readonly name: string;
  /** Bytes; undefined where the driver does not tell. */
  readonly memory: number | undefined;
}

/** What a machine is made of. Bytes. */
export interface HostInventory {
  readonly hostName: string;
  readonly operatingSystem: string;
  readonly kernel: string;
  readonly architecture: string;
  readonly cpuModel: string | undefined;
  readonly logicalCpus: number;
  readonly physicalCpus: number | undefined;
  readonly memory: number;
  /** `v24.1.0` */
  readonly node: string;
  readonly gpus: readonly InventoryGpu[];
  readonly gpuDriver: string | undefined;
  readonly cudaVersion: string | undefined;
}

/**
 * Takes stock once, for a report or a run's parameters. On Linux from /proc and /etc/os-release; elsewhere with
 * `systeminformation`, which starts programs synchronously: call it before the model is loaded, never while serving.
 * GPUs are asked by a process of their own, as the GPU observer does.
 */
export async function hostInventory(
  options: { platform?: NodeJS.Platform; proc?: string; osRelease?: string } = {},
): Promise<HostInventory> {
  const { platform = process.platform, proc = '/proc', osRelease = '/etc/os-release' } = options;
  const gpus = gpuInventory();
  const base = {
    hostName: hostname(),
    operatingSystem: type(),
    kernel: release(),
    architecture: arch(),
    cpuModel: cpus()[0]?.model,
    logicalCpus: availableParallelism(),
    physicalCpus: undefined,
    memory: totalmem(),
    node: process.version,
    ...(await gpus),
  };
  if (platform === 'linux') {
    const cpuinfo = await text(`${proc}/cpuinfo`);
    const name = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(await text(osRelease))?.[1];
    return {
      ...base,
      operatingSystem: name ?? base.operatingSystem,
      cpuModel: /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1] ?? base.cpuModel,
      physicalCpus: physicalCores(cpuinfo),
    };
  }
  try {
    const { cpu, osInfo } = await import('systeminformation');
    const [processor, system] = await Promise.all([cpu(), osInfo()]);
    return {
      ...base,
      operatingSystem: [system.distro, system.release].filter(Boolean).join(' ') || base.operatingSystem,
      cpuModel: [processor.manufacturer, processor.brand].filter(Boolean).join(' ') || base.cpuModel,
      physicalCpus: processor.physicalCores || undefined,
    };
  } catch {
    return base; // what Node knows is enough
  }
}

/** Distinct pairs of socket and core of /proc/cpuinfo; undefined where it does not tell (ARM). */
function physicalCores(cpuinfo: string): number | undefined {
  const cores = new Set<string>();
  for (const block of cpuinfo.split('\n\n')) {
    const socket = /^physical id\s*:\s*(\d+)$/m.exec(block)?.[1];
    const core = /^core id\s*:\s*(\d+)$/m.exec(block)?.[1];
    if (socket !== undefined && core !== undefined) cores.add(`${socket} ${core}`);
  }
  return cores.size > 0 ? cores.size : undefined;
}

async function text(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}

async function gpuInventory(): Promise<Pick<HostInventory, 'gpus' | 'gpuDriver' | 'cudaVersion'>> {
  const observer = startGpuObserver({ registry: new InstrumentRegistry() });
  // The process that reads them does not keep this one alive; who asks waits for the answer.
  const wait = setTimeout(() => observer.stop(), GPU_ANSWER_MS);
  try {
    const sample = await observer.first;
    const devices = sample?.devices ?? [];
    return {
      gpus: devices
        .filter(({ identity }) => identity.parent === undefined)
        .map(({ identity, readings }) => ({
          id: identity.id,
          name: identity.name,
          memory: readings.memoryTotal,
        })),
      gpuDriver: sample?.driverVersion,
      cudaVersion: sample?.cudaVersion,
    };
  } finally {
    clearTimeout(wait);
    observer.stop();
  }
}
