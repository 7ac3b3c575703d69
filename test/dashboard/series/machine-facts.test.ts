import { expect, it } from 'vitest';
import { machineFacts } from '../../../src/dashboard/page/series/machine-facts.ts';

it('the machine of a run is told in words, memory with its unit, what is not known under its own name', () => {
  expect(
    machineFacts({
      'host.cpu.model.name': 'EPYC',
      'host.memory.size': String(64 * 1024 ** 3),
      'host.gpus': 'H100, H100',
      'host.other': 3,
    }),
  ).toEqual({ CPU: 'EPYC', Memory: '64 GiB', GPUs: 'H100, H100', 'host.other': 3 });
});
