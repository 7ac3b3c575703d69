import { describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { publishHost } from '../../../src/observers/host/publish.ts';
import type { HostSnapshot } from '../../../src/observers/host/snapshot.ts';
import { Published } from '../../../src/observers/published.ts';
import { InstrumentProducer } from '../../../src/telemetry/instruments/producer.ts';
import { InstrumentRegistry } from '../../../src/telemetry/instruments/registry.ts';
import { namesOf, valuesOf } from '../published-values.ts';

const starts = { machine: [100, 0] as [number, number], process: [200, 0] as [number, number] };
const disk = (name: string, readBytes: number) => ({
  name,
  readBytes,
  writtenBytes: 2,
  reads: 3,
  writes: 4,
  busy: 5,
});
const network = (name: string) => ({
  name,
  receivedBytes: 1,
  receivedPackets: 2,
  receiveErrors: 3,
  receiveDropped: 4,
  sentBytes: 5,
  sentPackets: 6,
  sendErrors: 7,
  sendDropped: 8,
});
const snapshot: HostSnapshot = {
  time: 1000,
  cpuCount: 4,
  cpu: { user: 10, nice: 1, system: 5, idle: 80, iowait: 2, interrupt: 1, steal: 0 },
  load: [1, 2, 3],
  memory: { total: 1000, free: 200, available: 600, buffers: 50, cached: 350, used: 400 },
  swap: { total: 100, free: 25 },
  paging: { pagesIn: 1, pagesOut: 2, faults: 100, majorFaults: 10 },
  disks: [disk('sda', 1), disk('sdb', 1)],
  networks: [network('eth0'), network('veth1')],
  filesystems: [
    { mountpoint: '/', type: 'ext4', device: '/dev/sda1', size: 1000, free: 400, available: 300 },
  ],
  uptime: 5000,
  processCount: 99,
  process: {
    cpuUser: 1,
    cpuSystem: 0.5,
    residentBytes: 10,
    virtualBytes: 20,
    threads: 3,
    openFiles: 4,
    voluntarySwitches: 5,
    involuntarySwitches: 6,
    minorFaults: 7,
    majorFaults: 8,
    readBytes: 9,
    writtenBytes: 10,
    uptime: 11,
  },
};
const later: HostSnapshot = {
  ...snapshot,
  time: 3000,
  cpu: { user: 12, nice: 1, system: 6, idle: 84, iowait: 2, interrupt: 1, steal: 1 },
  process: { ...snapshot.process, cpuUser: 3, cpuSystem: 1.5 },
};

function published(...snapshots: HostSnapshot[]): InstrumentRegistry {
  const registry = new InstrumentRegistry();
  const target = new Published(registry, 'test');
  let previous: HostSnapshot | undefined;
  for (const one of snapshots) {
    publishHost(target, one, previous, starts);
    previous = one;
  }
  return registry;
}

describe('what is published of the host', () => {
  it('has shares of the time between two samples, which add up to 1', () => {
    const registry = published(snapshot, later);
    const shares = valuesOf(registry, METRIC.systemCpuUtilization);
    expect(shares).toEqual({
      user: 0.25,
      nice: 0,
      system: 0.125,
      idle: 0.5,
      iowait: 0,
      interrupt: 0,
      steal: 0.125,
    });
    expect(valuesOf(registry, METRIC.systemCpuTime)).toMatchObject({ user: 12, idle: 84 });
    expect(valuesOf(registry, METRIC.processCpuUtilization)).toEqual({ user: 0.25, system: 0.125 });
  });

  it('has no share before there are two samples', () => {
    const registry = published(snapshot);
    expect(valuesOf(registry, METRIC.systemCpuUtilization)).toEqual({});
    expect(valuesOf(registry, METRIC.processCpuUtilization)).toEqual({});
  });

  it('has memory, swap and file systems by state', () => {
    const registry = published(snapshot);
    expect(valuesOf(registry, METRIC.memoryUsage)).toEqual({
      used: 400,
      free: 200,
      buffers: 50,
      cached: 350,
    });
    expect(valuesOf(registry, METRIC.memoryUtilization)).toMatchObject({ used: 0.4 });
    expect(valuesOf(registry, METRIC.memoryAvailable)).toEqual({ '': 600 });
    expect(valuesOf(registry, METRIC.pagingUtilization)).toEqual({ used: 0.75, free: 0.25 });
    expect(valuesOf(registry, METRIC.pagingFaults)).toEqual({ minor: 90, major: 10 });
    expect(valuesOf(registry, METRIC.filesystemUsage)).toEqual({
      '/ ext4 /dev/sda1 used': 600,
      '/ ext4 /dev/sda1 free': 300,
      '/ ext4 /dev/sda1 reserved': 100,
    });
    expect(valuesOf(registry, METRIC.filesystemUtilization)).toEqual({ '/ ext4 /dev/sda1': 600 / 900 });
  });

  it('uses the attributes of the conventions', () => {
    const names = namesOf(published(snapshot, later));
    const expected: [string, string[]][] = [
      ['system.cpu.time', [ATTR.cpuMode]],
      ['system.cpu.utilization', [ATTR.cpuMode]],
      ['system.cpu.load_average.1m', []],
      ['system.memory.usage', ['system.memory.state']],
      ['system.paging.usage', ['system.paging.state']],
      ['system.paging.operations', ['system.paging.direction']],
      ['system.disk.io', ['system.device', 'disk.io.direction']],
      ['system.disk.io_time', ['system.device']],
      ['system.network.io', ['network.interface.name', 'network.io.direction']],
      ['system.network.packet.dropped', ['network.interface.name', 'network.io.direction']],
      ['system.process.count', []],
      ['process.cpu.time', [ATTR.cpuMode]],
      ['process.context_switches', ['process.context_switch.type']],
      ['process.disk.io', ['disk.io.direction']],
    ];
    for (const [name, attributes] of expected)
      expect([...(names.get(name) ?? ['none'])], name).toEqual(attributes);
  });

  it('no longer has a device that has vanished, nor a reading that failed', () => {
    const registry = published(snapshot, {
      ...later,
      disks: [disk('sda', 5)],
      networks: [network('eth0')],
      swap: undefined,
      memory: undefined,
    });
    expect(valuesOf(registry, METRIC.diskIo)).toEqual({ 'sda read': 5, 'sda write': 2 });
    expect(Object.keys(valuesOf(registry, METRIC.networkIo))).toEqual(['eth0 receive', 'eth0 transmit']);
    expect(valuesOf(registry, METRIC.pagingUsage)).toEqual({});
    expect(valuesOf(registry, METRIC.memoryUsage)).toEqual({});
  });

  it('has a device again when it comes back', () => {
    const registry = published(snapshot, { ...later, disks: [] }, { ...later, disks: [disk('sda', 7)] });
    expect(valuesOf(registry, METRIC.diskIo)).toEqual({ 'sda read': 7, 'sda write': 2 });
  });

  it('lets a counter neither go back a little nor hide that it began anew', () => {
    const registry = published(
      { ...snapshot, disks: [disk('sda', 1000)] },
      { ...later, disks: [disk('sda', 999)] },
    );
    expect(valuesOf(registry, METRIC.diskIo)['sda read']).toBe(1000);
    const again = published(
      { ...snapshot, disks: [disk('sda', 1000)] },
      { ...later, disks: [disk('sda', 10)] },
    );
    expect(valuesOf(again, METRIC.diskIo)['sda read']).toBe(10);
  });

  it('says since when its totals count', async () => {
    const { resourceMetrics } = await new InstrumentProducer({ registry: published(snapshot) }).collect();
    const start = (name: string) =>
      resourceMetrics.scopeMetrics
        .flatMap((scope) => scope.metrics)
        .find((metric) => metric.descriptor.name === name)?.dataPoints[0]?.startTime;
    expect(start('system.cpu.time')).toEqual(starts.machine);
    expect(start('process.cpu.time')).toEqual(starts.process);
  });
});
