interface Mapped {
  /** `{index}` is the GPU's. */
  readonly name: string;
  readonly factor: number;
}

const BYTES_IN_GIB = 1024 ** 3;

/** Catalogue keys and the names of Comet's own system metrics (comet_ml 3.58), which its System page groups. */
const NAMES: Readonly<Record<string, Mapped>> = {
  'system/cpu_percent': { name: 'sys.cpu.percent.avg', factor: 1 },
  'system/load_average': { name: 'sys.load.avg', factor: 1 },
  'system/memory_used_gb': { name: 'sys.ram.used', factor: BYTES_IN_GIB },
  'system/memory_available_gb': { name: 'sys.ram.available', factor: BYTES_IN_GIB },
  'system/memory_percent': { name: 'sys.ram.percent.used', factor: 1 },
  'system/disk_percent': { name: 'sys.disk.root.percent.used', factor: 1 },
  'gpu_{index}/gpu_utilization': { name: 'sys.gpu.{index}.gpu_utilization', factor: 100 },
  'gpu_{index}/memory_utilization': { name: 'sys.gpu.{index}.memory_utilization', factor: 100 },
  'gpu_{index}/memory_used_gb': { name: 'sys.gpu.{index}.used_memory', factor: BYTES_IN_GIB },
  'gpu_{index}/memory_total_gb': { name: 'sys.gpu.{index}.total_memory', factor: BYTES_IN_GIB },
  'gpu_{index}/power_usage': { name: 'sys.gpu.{index}.power_usage', factor: 1 },
};

/** Comet's name and value of a catalogue key's value; others go below `sys.` under their own name. */
export function systemMetric(key: string, value: number): [name: string, value: number] {
  const index = /^gpu_(\d+)\//.exec(key)?.[1];
  const mapped = NAMES[index === undefined ? key : key.replace(/^gpu_\d+\//, 'gpu_{index}/')];
  if (mapped) return [mapped.name.replace('{index}', index ?? ''), value * mapped.factor];
  const rest = key.replace(/^system\//, '').replace(/^gpu_(\d+)\//, 'gpu.$1.');
  return [`sys.${rest.replaceAll('/', '.')}`, value];
}
