import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { ATTR } from '../../conventions/index.ts';

/** Node's names → the convention's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', arm: 'arm32' };

/**
 * What the machine is made of, as resource attributes: as far as it can be had at once and without starting anything.
 * They stand on all that a program sends, its runs included. On Linux with NVIDIA's GPUs and driver, from /proc.
 */
export function hostAttributes(
  options: { proc?: string } = {},
): Readonly<Record<string, string | number | boolean>> {
  const { proc = '/proc' } = options;
  const { gpus, driver } = nvidiaFromProc(proc);
  const model = cpus()[0]?.model.trim();
  return {
    [ATTR.hostArch]: ARCHITECTURES[arch()] ?? arch(),
    [ATTR.osType]: type().toLowerCase(),
    [ATTR.osKernel]: release(),
    [ATTR.hostCpuCount]: cpus().length,
    [ATTR.hostMemory]: totalmem(),
    ...(model && { [ATTR.hostCpuModel]: model }),
    ...(gpus.length > 0 && { [ATTR.hostGpus]: gpus.join(', ') }),
    ...(driver !== undefined && { [ATTR.hostGpuDriver]: driver }),
    [ATTR.runtimeName]: 'nodejs',
    [ATTR.runtimeVersion]: process.versions.node,
  };
}

/** /proc/driver/nvidia: `gpus/ADDRESS/information` with a line `Model:`, and `version`. */
function nvidiaFromProc(proc: string): { gpus: string[]; driver: string | undefined } {
  const root = `${proc}/driver/nvidia`;
  if (!existsSync(root)) return { gpus: [], driver: undefined };
  try {
    const gpus = readdirSync(`${root}/gpus`)
      .sort()
      .flatMap((address) => {
        const text = readFileSync(`${root}/gpus/${address}/information`, 'latin1');
        return /^Model:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? [];
      });
    const version = readFileSync(`${root}/version`, 'latin1');
    return { gpus, driver: /Kernel Module.*?\s(\d+\.\d[\d.]*)\s/.exec(version)?.[1] };
  } catch {
    return { gpus: [], driver: undefined };
  }
}
