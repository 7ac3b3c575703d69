import { describe, expect, it } from 'vitest';
import { readInfiniband } from '../../../src/observers/host/infiniband.ts';
import { readNuma } from '../../../src/observers/host/numa.ts';
import { Pressure } from '../../../src/observers/host/pressure.ts';
import { fixtureTree } from '../fixture-tree.ts';

describe('pressure', () => {
  it('is the time that tasks waited, in seconds; nothing where the kernel has none', () => {
    const root = fixtureTree({
      memory:
        'some avg10=0.10 avg60=0.05 avg300=0.01 total=4200000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n',
      cpu: 'some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n',
      io: 'not supported',
    });
    const pressure = new Pressure((resource) => `${root}/${resource}`);
    expect(pressure.read()).toEqual([
      { resource: 'cpu', some: 7e-6, full: undefined },
      { resource: 'memory', some: 4.2, full: 0.001 },
    ]);
    pressure.close();
    expect(new Pressure((resource) => `/nowhere/${resource}`).read()).toEqual([]);
  });
});

describe('NUMA nodes', () => {
  const node = (number: number, total: number, free: number) => ({
    [`devices/system/node/node${number}/meminfo`]: `Node ${number} MemTotal:  ${total} kB\nNode ${number} MemFree:  ${free} kB\nNode ${number} MemUsed: 1 kB\n`,
  });
  it('are read each by itself, and not at all where there is one', () => {
    const two = fixtureTree({ ...node(0, 1000, 400), ...node(1, 2000, 1500) });
    expect(readNuma(two)).toEqual([
      { node: 0, total: 1_024_000, free: 409_600 },
      { node: 1, total: 2_048_000, free: 1_536_000 },
    ]);
    expect(readNuma(fixtureTree(node(0, 1000, 400)))).toEqual([]);
    expect(readNuma('/nowhere')).toEqual([]);
  });
});

describe('InfiniBand ports', () => {
  it('count data in units of four bytes', () => {
    const port = 'class/infiniband/mlx5_0/ports/1';
    const root = fixtureTree({
      [`${port}/counters/port_rcv_data`]: '1000\n',
      [`${port}/counters/port_xmit_data`]: '2000\n',
      [`${port}/counters/port_rcv_packets`]: '30\n',
      [`${port}/counters/port_xmit_packets`]: '40\n',
      [`${port}/counters/port_rcv_errors`]: '5\n',
      [`${port}/counters/link_downed`]: '1\n',
      [`${port}/state`]: '4: ACTIVE\n',
      [`${port}/rate`]: '400 Gb/sec (4X NDR)\n',
      'class/infiniband/mlx5_1/ports/1/state': '1: DOWN\n',
    });
    expect(readInfiniband(root)).toEqual([
      {
        name: 'mlx5_0/1',
        receivedBytes: 4000,
        sentBytes: 8000,
        receivedPackets: 30,
        sentPackets: 40,
        receiveErrors: 5,
        linkDowned: 1,
        active: true,
        speed: 50e9,
      },
      expect.objectContaining({
        name: 'mlx5_1/1',
        active: false,
        receivedBytes: undefined,
        speed: undefined,
      }),
    ]);
    expect(readInfiniband('/nowhere')).toEqual([]);
  });
});
