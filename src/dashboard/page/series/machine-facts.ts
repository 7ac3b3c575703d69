import type { JsonValue } from '../../../conventions/hub-api.ts';
import { formatQuantity } from '../format/quantity.ts';

/** What a fact is called, and how it is written; the others keep the name that they came with. */
const FACTS: Readonly<Record<string, readonly [label: string, write?: (value: JsonValue) => string]>> = {
  'host.name': ['Host'],
  'host.cpu.model.name': ['CPU'],
  'host.cpu.count': ['CPUs'],
  // From the environment of a program it comes as text.
  'host.memory.size': ['Memory', (value) => formatQuantity(Number(value), 'By')],
  'host.gpus': ['GPUs'],
  'host.gpu.driver_version': ['GPU driver'],
  'host.gpu.cuda_version': ['CUDA'],
  'host.arch': ['Architecture'],
  'os.type': ['System'],
  'os.description': ['Distribution'],
  'os.version': ['Kernel'],
  'process.runtime.name': ['Runtime'],
  'process.runtime.version': ['Runtime version'],
};

/** The machine of a run for people, in the order in which it came. */
export function machineFacts(machine: Readonly<Record<string, JsonValue>>): Record<string, JsonValue> {
  return Object.fromEntries(
    Object.entries(machine).map(([name, value]) => {
      const [label = name, write] = FACTS[name] ?? [];
      return [label, write?.(value) ?? value];
    }),
  );
}
