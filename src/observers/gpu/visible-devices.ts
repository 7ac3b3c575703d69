import type { GpuIdentity } from './sample.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Which GPUs the environment gives to this program: id → whether it is ours. `undefined` for a device of which that
 * cannot be known. All of them are observed all the same: a neighbour's heat is of interest too.
 *
 * - CUDA_VISIBLE_DEVICES: indices, or beginnings of UUIDs (`GPU-`, `MIG-`); what stands behind the first entry that is no
 *   device does not count (CUDA Programming Guide). CUDA's own order is not NVML's unless CUDA_DEVICE_ORDER=PCI_BUS_ID, or
 *   all GPUs are of one kind: with indices on another machine nothing can be said.
 * - NVIDIA_VISIBLE_DEVICES: only UUIDs. The container runtime acts on it, so that indices there are those of the host.
 * - AMD: HIP_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES, indices or `GPU-` ids.
 */
export function assignedDevices(
  devices: readonly GpuIdentity[],
  env: Environment,
): ReadonlyMap<string, boolean> {
  const assigned = new Map<string, boolean>();
  const nvidia = devices.filter(({ vendor }) => vendor === 'NVIDIA');
  const amd = devices.filter(({ vendor }) => vendor === 'AMD');
  judge(
    nvidia,
    env['CUDA_VISIBLE_DEVICES'] ?? uuidsOnly(env['NVIDIA_VISIBLE_DEVICES']),
    cudaOrder(nvidia, env),
    assigned,
  );
  judge(amd, env['HIP_VISIBLE_DEVICES'] ?? env['ROCR_VISIBLE_DEVICES'], true, assigned);
  return assigned;
}

function judge(
  devices: readonly GpuIdentity[],
  list: string | undefined,
  indicesMeanOurs: boolean,
  into: Map<string, boolean>,
): void {
  const gpus = devices.filter(({ parent }) => parent === undefined);
  if (list === undefined) {
    for (const { id } of devices) into.set(id, true);
    return;
  }
  const entries = list.split(',').map((entry) => entry.trim());
  if (!indicesMeanOurs && entries.some((entry) => /^\d+$/.test(entry))) return;
  const chosen = new Set<string>();
  for (const entry of entries) {
    const found = /^\d+$/.test(entry) ? gpus[Number(entry)] : byPrefix(devices, entry);
    if (!found) break;
    chosen.add(found.id);
    if (found.parent !== undefined) chosen.add(found.parent);
  }
  for (const { id, parent } of devices) {
    into.set(
      id,
      chosen.has(id) || (parent !== undefined && chosen.has(parent) && !hasSibling(devices, parent, chosen)),
    );
  }
}

/** A MIG device counts as ours with its GPU, unless one of that GPU's MIG devices was chosen by name. */
function hasSibling(devices: readonly GpuIdentity[], parent: string, chosen: ReadonlySet<string>): boolean {
  return devices.some((device) => device.parent === parent && chosen.has(device.id));
}

/** A beginning is enough when it fits one device only. `MIG-GPU-<uuid>/<gi>/<ci>` is the form of drivers before R470. */
function byPrefix(devices: readonly GpuIdentity[], entry: string): GpuIdentity | undefined {
  if (!/^(?:GPU|MIG)-/.test(entry)) return undefined;
  const found = devices.filter(({ id }) => id.startsWith(entry));
  return found.length === 1 ? found[0] : undefined;
}

function uuidsOnly(list: string | undefined): string | undefined {
  return list !== undefined && /^(?:GPU|MIG)-/.test(list.trim()) ? list : undefined;
}

function cudaOrder(gpus: readonly GpuIdentity[], env: Environment): boolean {
  const kinds = new Set(gpus.filter(({ parent }) => parent === undefined).map(({ name }) => name));
  return env['CUDA_DEVICE_ORDER'] === 'PCI_BUS_ID' || kinds.size <= 1;
}
