import { wandbNumber } from './wandb-json.ts';

interface Mapped {
  /** W&B's name without `system.`; `{index}` is the GPU's. */
  readonly name: string;
  readonly factor: number;
}

const MIB_IN_GIB = 1024;
const BYTES_IN_GIB = 1024 ** 3;

/**
 * Catalogue keys and the names that W&B's System page knows (core/internal/monitor of wandb 0.31). Its `cpu` is the
 * process's; there is none for the whole machine, nor for rates of disk and network (it has totals): those go under
 * names of their own, which the page shows as further charts.
 */
const NAMES: Readonly<Record<string, Mapped>> = {
  'process/cpu_percent': { name: 'cpu', factor: 1 },
  'process/memory_rss_gb': { name: 'proc.memory.rssMB', factor: MIB_IN_GIB },
  'system/memory_percent': { name: 'memory_percent', factor: 1 },
  'system/memory_available_gb': { name: 'proc.memory.availableMB', factor: MIB_IN_GIB },
  'system/disk_percent': { name: 'disk./.usagePercent', factor: 1 },
  'system/swap_percent': { name: 'swap.used_percent', factor: 1 },
  'gpu_{index}/gpu_utilization': { name: 'gpu.{index}.gpu', factor: 100 },
  'gpu_{index}/memory_utilization': { name: 'gpu.{index}.memoryAllocated', factor: 100 },
  'gpu_{index}/memory_used_gb': { name: 'gpu.{index}.memoryAllocatedBytes', factor: BYTES_IN_GIB },
  'gpu_{index}/temperature': { name: 'gpu.{index}.temp', factor: 1 },
  'gpu_{index}/power_usage': { name: 'gpu.{index}.powerWatts', factor: 1 },
};

/** W&B's name, without `system.`, and value of a catalogue key's value. */
export function systemMetric(key: string, value: number): [name: string, value: number] {
  const index = /^gpu_(\d+)\//.exec(key)?.[1];
  const mapped = NAMES[index === undefined ? key : key.replace(/^gpu_\d+\//, 'gpu_{index}/')];
  if (mapped) return [mapped.name.replace('{index}', index ?? ''), value * mapped.factor];
  return [
    key
      .replace(/^system\//, '')
      .replace(/^gpu_(\d+)\//, 'gpu.$1.')
      .replaceAll('/', '.'),
    value,
  ];
}

/** A line of `wandb-events.jsonl`. Non-finite values are left out: a gauge that has none is not there. */
export function eventLine(values: Readonly<Record<string, number>>, time: number, startedAt: number): string {
  let line = '{"_wandb":true';
  for (const [name, value] of systemMetrics(values))
    line += `,${JSON.stringify(`system.${name}`)}:${wandbNumber(value)}`;
  return `${line},"_timestamp":${time / 1000},"_runtime":${Math.max(0, time - startedAt) / 1000}}`;
}

export function systemMetrics(values: Readonly<Record<string, number>>): [name: string, value: number][] {
  return Object.entries(values)
    .filter(([, value]) => Number.isFinite(value))
    .map(([key, value]) => systemMetric(key, value));
}
