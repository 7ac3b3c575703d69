import { ATTR } from '../conventions/index.ts';
import type { SinkRun } from './sink.ts';

/** What a run runs on, as far as it said so. */
export interface Machine {
  /** `linux`. */
  readonly osType: string | undefined;
  readonly kernel: string | undefined;
  /** Both: `linux 6.12.0`. */
  readonly system: string | undefined;
  readonly architecture: string | undefined;
  readonly cpuModel: string | undefined;
  /** Logical ones. */
  readonly cpus: number | undefined;
  /** Bytes. */
  readonly memory: number | undefined;
  /** Models, one a GPU. */
  readonly gpus: readonly string[];
  readonly gpuDriver: string | undefined;
  readonly cudaVersion: string | undefined;
}

export function machineOf({ machine = {} }: SinkRun): Machine {
  const text = (name: string): string | undefined => {
    const value = machine[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  // From the environment of a program it comes as text.
  const whole = (name: string): number | undefined => {
    const value = Number(machine[name] ?? Number.NaN);
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const [osType, kernel] = [text(ATTR.osType), text(ATTR.osKernel)];
  const system = [osType, kernel].filter((part) => part !== undefined).join(' ');
  return {
    osType,
    kernel,
    system: system === '' ? undefined : system,
    architecture: text(ATTR.hostArch),
    cpuModel: text(ATTR.hostCpuModel),
    cpus: whole(ATTR.hostCpuCount),
    memory: whole(ATTR.hostMemory),
    gpus: text(ATTR.hostGpus)?.split(', ') ?? [],
    gpuDriver: text(ATTR.hostGpuDriver),
    cudaVersion: text(ATTR.hostCudaVersion),
  };
}
