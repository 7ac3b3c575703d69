import { describe, expect, it } from 'vitest';
import { machineOf } from '../../src/trackers/machine.ts';
import { runTags } from '../../src/trackers/mlflow/tags.ts';
import { sinkRun } from './forwarder/memory-source.ts';

const machine = {
  'host.name': 'gpu-1',
  'host.cpu.model.name': 'EPYC',
  'host.memory.size': '1024',
  'host.cpu.count': 64,
  'host.gpus': 'H100, H100',
  'os.type': 'linux',
};

describe('what a run runs on', () => {
  it('is read also from the environment, where numbers are texts, and is no more than was said', () => {
    expect(machineOf(sinkRun({ machine }))).toEqual({
      osType: 'linux',
      kernel: undefined,
      system: 'linux',
      architecture: undefined,
      cpuModel: 'EPYC',
      cpus: 64,
      memory: 1024,
      gpus: ['H100', 'H100'],
      gpuDriver: undefined,
      cudaVersion: undefined,
    });
    expect(machineOf(sinkRun())).toMatchObject({ system: undefined, memory: undefined, gpus: [] });
  });

  it('stands among the tags of MLflow, under the names that it has', () => {
    const tags = runTags(sinkRun({ host: 'gpu-1', machine }), 'name', 'me');
    expect(tags).toContainEqual({ key: 'host.cpu.model.name', value: 'EPYC' });
    expect(tags).toContainEqual({ key: 'host.cpu.count', value: '64' });
    expect(tags.filter(({ key }) => key === 'host.name')).toEqual([{ key: 'host.name', value: 'gpu-1' }]);
  });
});
