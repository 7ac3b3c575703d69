import { ATTR, METRIC } from '../../conventions/index.ts';
import { type InstrumentRegistry, instruments } from './registry.ts';

/**
 * Models, driver and CUDA version of the machine's GPUs as resource attributes, as far as an observer of this process
 * has them: nothing before its first sample.
 */
export function gpuFacts(registry: InstrumentRegistry = instruments): Readonly<Record<string, string>> {
  const models = new Map<string, { index: number; model: string }>();
  let driver: string | undefined;
  let cuda: string | undefined;
  for (const instrument of registry.byName(METRIC.hwStatus.name)) {
    for (const { attributes } of instrument.series()) {
      // A part of a GPU has the parent that is counted.
      if (attributes[ATTR.hwType] !== 'gpu' || attributes[ATTR.hwParent] !== undefined) continue;
      const index = Number(attributes[ATTR.gpuIndex] ?? models.size);
      models.set(String(attributes[ATTR.hwId]), { index, model: textOf(attributes[ATTR.hwModel]) ?? 'GPU' });
      driver ??= textOf(attributes[ATTR.hwDriverVersion]);
      cuda ??= textOf(attributes[ATTR.hostCudaVersion]);
    }
  }
  const names = [...models.values()].sort((a, b) => a.index - b.index).map(({ model }) => model);
  return {
    ...(names.length > 0 && { [ATTR.hostGpus]: names.join(', ') }),
    ...(driver !== undefined && { [ATTR.hostGpuDriver]: driver }),
    ...(cuda !== undefined && { [ATTR.hostCudaVersion]: cuda }),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
