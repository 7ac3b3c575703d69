/**
 * Names under which MLflow's page shows the "System metrics" tab (mlflow/system_metrics/metrics), by catalogue key, and
 * the factor from the catalogue's unit. MLflow's megabytes are 10^6 bytes; the catalogue's gigabytes are GiB.
 */
const GIB_IN_MB = 1024 ** 3 / 1e6;

// MLflow's own network_receive_megabytes is a sum since the start, ours a rate: another name
const SYSTEM: Readonly<Record<string, readonly [name: string, factor: number]>> = {
  'system/cpu_percent': ['system/cpu_utilization_percentage', 1],
  'system/memory_percent': ['system/system_memory_usage_percentage', 1],
  'system/memory_used_gb': ['system/system_memory_usage_megabytes', GIB_IN_MB],
  'system/disk_percent': ['system/disk_usage_percentage', 1],
  'system/network_receive_bytes_per_second': ['system/network_receive_megabytes_per_second', 1e-6],
  'system/network_transmit_bytes_per_second': ['system/network_transmit_megabytes_per_second', 1e-6],
};

const GPU: Readonly<Record<string, readonly [name: string, factor: number]>> = {
  gpu_utilization: ['utilization_percentage', 100],
  memory_utilization: ['memory_usage_percentage', 100],
  memory_used_gb: ['memory_usage_megabytes', GIB_IN_MB],
  power_usage: ['power_usage_watts', 1],
};

const GPU_KEY = /^gpu_(\d+)\/(.+)$/;

/** Name and value of each system value: MLflow's own names where it has one, else `system/` and the catalogue's key. */
export function* systemMetrics(values: Readonly<Record<string, number>>): Generator<[string, number]> {
  for (const key of Object.keys(values)) {
    const value = values[key] as number;
    const gpu = GPU_KEY.exec(key);
    const known = gpu ? GPU[gpu[2] ?? ''] : SYSTEM[key];
    if (!known) yield [otherName(key), value];
    else {
      const [name, factor] = known;
      // one decimal, as MLflow's own sampler writes them
      yield [gpu ? `system/gpu_${gpu[1]}_${name}` : name, Math.round(value * factor * 10) / 10];
    }
  }
}

/** The tab takes exactly `system/<name>`. */
function otherName(key: string): string {
  return `system/${key.replace(/^system\//, '').replaceAll('/', '_')}`;
}
