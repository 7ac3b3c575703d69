import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

const NVIDIA_SIGNS = ['/dev/nvidiactl', '/proc/driver/nvidia/version', '/dev/dxg'];
const WINDOWS_LIBRARY = 'C:\\Windows\\System32\\nvml.dll';

/**
 * Does anything speak for a GPU? Asked before a process is started for it: a few looks at the file system, so that a
 * machine without a GPU has nothing to bear.
 */
export function gpuMayBePresent(
  options: { platform?: NodeJS.Platform; env?: Environment; sys?: string } = {},
): boolean {
  const { platform = process.platform, env = process.env, sys = '/sys' } = options;
  if (env['LLM_OTEL_NVML_LIBRARY']) return true;
  if (platform === 'win32') return existsSync(WINDOWS_LIBRARY);
  if (platform !== 'linux') return false;
  if (NVIDIA_SIGNS.some((path) => existsSync(path))) return true;
  const libraries = (env['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter(Boolean);
  if (libraries.some((folder) => existsSync(join(folder, 'libnvidia-ml.so.1')))) return true;
  return cards(sys).some((card) => existsSync(join(sys, 'class/drm', card, 'device/mem_info_vram_total')));
}

function cards(sys: string): string[] {
  try {
    return readdirSync(join(sys, 'class/drm')).filter((name) => /^card\d+$/.test(name));
  } catch {
    return [];
  }
}

/**
 * One process of a machine observes its GPUs: of the ranks of a job the first, of a cluster of Node workers the
 * primary. Otherwise every GPU's energy would be counted once for each of them.
 */
export function observesTheMachine(env: Environment = process.env): boolean {
  if (env['NODE_UNIQUE_ID'] !== undefined) return false;
  const rank = env['LOCAL_RANK'] ?? env['OMPI_COMM_WORLD_LOCAL_RANK'] ?? env['SLURM_LOCALID'];
  return rank === undefined || rank === '' || Number(rank) === 0;
}
