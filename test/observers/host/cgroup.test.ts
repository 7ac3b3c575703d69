import { describe, expect, it } from 'vitest';
import { METRIC } from '../../../src/conventions/index.ts';
import { type CgroupOptions, openCgroup } from '../../../src/observers/host/cgroup.ts';
import { publishHost } from '../../../src/observers/host/publish.ts';
import type { HostSnapshot } from '../../../src/observers/host/snapshot.ts';
import { PortableReader } from '../../../src/observers/host/portable-reader.ts';
import { Published } from '../../../src/observers/published.ts';
import { InstrumentRegistry } from '../../../src/telemetry/instruments/registry.ts';
import { fixtureTree, write } from '../fixture-tree.ts';
import { valuesOf } from '../published-values.ts';

const GIB = 1024 ** 3;
const TOTAL = 64 * GIB;
const V2_MOUNT = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
const v1Mounts = (root: string) =>
  ['memory', 'cpu,cpuacct']
    .map((name, i) => `${40 + i} 32 0:3${i} ${root} /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`)
    .join('\n');

const v2Files = (leaf: string) => ({
  [`${leaf}/memory.current`]: `${6 * GIB}\n`,
  [`${leaf}/memory.max`]: `${8 * GIB}\n`,
  [`${leaf}/memory.stat`]: `anon ${3 * GIB}\nfile ${3 * GIB}\ninactive_anon 5\ninactive_file ${2 * GIB}\n`,
  [`${leaf}/memory.events`]: 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n',
  [`${leaf}/cpu.max`]: '150000 100000\n',
  [`${leaf}/cpu.stat`]:
    'usage_usec 90000000\nuser_usec 60000000\nsystem_usec 30000000\nnr_periods 50\nnr_throttled 7\nthrottled_usec 2500000\n',
  [`${leaf}/cpu.pressure`]:
    'some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  [`${leaf}/memory.pressure`]:
    'some avg10=1.00 avg60=0.00 avg300=0.00 total=250000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=125000\n',
});
const READ = {
  cpu: 90,
  cpuUser: 60,
  cpuSystem: 30,
  cpuLimit: 1.5,
  throttled: 2.5,
  throttledPeriods: 7,
  memory: 6 * GIB,
  workingSet: 4 * GIB,
  rss: 3 * GIB,
  memoryLimit: 8 * GIB,
  oomKills: 2,
};
const read = (options: CgroupOptions) => {
  const cgroup = openCgroup(options);
  const reading = cgroup?.read(true, TOTAL);
  cgroup?.close();
  return reading;
};

describe('a cgroup of version 2', () => {
  const leaf = 'sys/fs/cgroup/kubepods/pod1/c1';
  const options = (files: Record<string, string>, cgroup = '0::/kubepods/pod1/c1\n') => ({
    cgroup,
    mountinfo: V2_MOUNT,
    root: fixtureTree(files),
  });

  it('is read from its own directory: usage, limits, throttling, out-of-memory kills, pressure', () => {
    expect(read(options(v2Files(leaf)))).toEqual({
      ...READ,
      pressure: [
        { resource: 'cpu', some: 1.5, full: 0 },
        { resource: 'memory', some: 0.25, full: 0.125 },
      ],
    });
  });

  it('is at the mount in a container with a namespace of its own', () => {
    expect(read(options(v2Files('sys/fs/cgroup'), '0::/\n'))).toMatchObject({
      memory: 6 * GIB,
      cpuLimit: 1.5,
    });
  });

  it('is under the limits of those above it, too', () => {
    const files = {
      ...v2Files(leaf),
      [`${leaf}/memory.max`]: 'max\n',
      'sys/fs/cgroup/kubepods/pod1/memory.max': `${2 * GIB}\n`,
      'sys/fs/cgroup/kubepods/pod1/cpu.max': '50000 100000\n',
      'sys/fs/cgroup/kubepods/memory.max': 'max\n',
    };
    expect(read(options(files))).toMatchObject({ memoryLimit: 2 * GIB, cpuLimit: 0.5 });
  });

  it('has no limit where the file says max, or more than the machine has', () => {
    const files = { ...v2Files(leaf), [`${leaf}/memory.max`]: 'max\n', [`${leaf}/cpu.max`]: 'max 100000\n' };
    expect(read(options(files))).toMatchObject({
      memoryLimit: undefined,
      cpuLimit: undefined,
      memory: 6 * GIB,
    });
    const huge = { ...v2Files(leaf), [`${leaf}/memory.max`]: `${TOTAL}\n` };
    expect(read(options(huge))?.memoryLimit).toBeUndefined();
  });

  it('is none at the root of the machine', () => {
    expect(read(options({ 'sys/fs/cgroup/cpu.stat': 'usage_usec 5\n' }, '0::/\n'))).toBeUndefined();
  });

  it('may have its limits changed while it runs', () => {
    const setting = options(v2Files(leaf));
    const cgroup = openCgroup(setting);
    expect(cgroup?.read(true, TOTAL)?.memoryLimit).toBe(8 * GIB);
    write(setting.root, { [`${leaf}/memory.max`]: `${4 * GIB}\n`, [`${leaf}/memory.current`]: `${GIB}\n` });
    expect(cgroup?.read(false, TOTAL)).toMatchObject({ memoryLimit: 8 * GIB, memory: GIB });
    expect(cgroup?.read(true, TOTAL)?.memoryLimit).toBe(4 * GIB);
    cgroup?.close();
  });
});

describe('a cgroup of version 1', () => {
  const files = (memory: string, cpu: string) => ({
    [`${memory}/memory.usage_in_bytes`]: `${6 * GIB}\n`,
    [`${memory}/memory.limit_in_bytes`]: `${8 * GIB}\n`,
    [`${memory}/memory.stat`]: `cache 1\nrss 2\nhierarchical_memory_limit ${8 * GIB}\ntotal_rss ${3 * GIB}\ntotal_inactive_file ${2 * GIB}\n`,
    [`${memory}/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
    [`${cpu}/cpu.cfs_quota_us`]: '150000\n',
    [`${cpu}/cpu.cfs_period_us`]: '100000\n',
    [`${cpu}/cpu.stat`]: 'nr_periods 50\nnr_throttled 7\nthrottled_time 2500000000\n',
    [`${cpu}/cpuacct.usage`]: '90000000000\n',
    [`${cpu}/cpuacct.stat`]: 'user 6000\nsystem 3000\n',
  });
  const membership = (path: string) =>
    `5:memory:${path}\n3:cpu,cpuacct:${path}\n1:name=systemd:${path}\n0::${path}\n`;
  const inContainer = files('sys/fs/cgroup/memory', 'sys/fs/cgroup/cpu,cpuacct');

  it('is read like one of version 2', () => {
    const root = fixtureTree(files('sys/fs/cgroup/memory/docker/c1', 'sys/fs/cgroup/cpu,cpuacct/docker/c1'));
    const options = { cgroup: membership('/docker/c1'), mountinfo: v1Mounts('/'), root };
    expect(read(options)).toEqual({ ...READ, pressure: [] });
  });

  it('is at the mount in a container, which sees the path of the host', () => {
    const options = {
      cgroup: membership('/docker/c1'),
      mountinfo: v1Mounts('/docker/c1'),
      root: fixtureTree(inContainer),
    };
    expect(read(options)).toMatchObject({ memory: 6 * GIB, memoryLimit: 8 * GIB });
  });

  it('wins over an empty hierarchy of version 2 beside it', () => {
    const root = fixtureTree({ ...inContainer, 'sys/fs/cgroup/unified/cgroup.procs': '1\n' });
    const unified = '45 32 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw';
    const options = { cgroup: membership('/'), mountinfo: `${unified}\n${v1Mounts('/')}`, root };
    expect(read(options)).toMatchObject({ cpuLimit: 1.5 });
  });

  it("leaves out the machine's CPU where only its memory is its own", () => {
    const root = fixtureTree({
      ...files('sys/fs/cgroup/memory/job', 'sys/fs/cgroup/cpu,cpuacct'),
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
    });
    const options = { cgroup: '5:memory:/job\n3:cpu,cpuacct:/\n', mountinfo: v1Mounts('/'), root };
    expect(read(options)).toMatchObject({ memory: 6 * GIB, cpu: undefined, throttled: undefined });
  });

  it('has no limit where the number is near 2^63, and is the machine then', () => {
    const unlimited = {
      ...inContainer,
      'sys/fs/cgroup/memory/memory.stat': 'hierarchical_memory_limit 9223372036854771712\n',
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
    };
    const root = fixtureTree(unlimited);
    expect(read({ cgroup: membership('/'), mountinfo: v1Mounts('/'), root })).toBeUndefined();
    const options = { cgroup: membership('/docker/c1'), mountinfo: v1Mounts('/docker/c1'), root };
    expect(read(options)).toMatchObject({ memoryLimit: undefined, cpuLimit: undefined, memory: 6 * GIB });
  });
});

describe('no cgroup', () => {
  it.each([
    ['', ''],
    ['0::/\n', ''],
    ['garbage', V2_MOUNT],
  ])('is found in %j and %j', (cgroup, mountinfo) => {
    expect(openCgroup({ cgroup, mountinfo })).toBeUndefined();
  });
});

describe('what is published of a container', () => {
  it('are its own figures, beside those of the machine', () => {
    const registry = new InstrumentRegistry();
    const published = new Published(registry, 'test');
    const starts = { machine: [1, 0] as [number, number], process: [2, 0] as [number, number] };
    const before: HostSnapshot = {
      ...new PortableReader().read(),
      time: 0,
      container: { ...READ, pressure: [{ resource: 'io', some: 3, full: undefined }] },
    };
    publishHost(published, before, undefined, starts);
    expect(valuesOf(registry, METRIC.containerCpuUtilization)).toEqual({});
    const now = {
      ...before,
      time: 2000,
      container: { ...before.container, ...READ, cpu: 91.5, pressure: [] },
    };
    publishHost(published, now, before, starts);
    const value = (metric: (typeof METRIC)[keyof typeof METRIC]) => valuesOf(registry, metric);
    expect(value(METRIC.containerCpuUsage)).toEqual({ '': 0.75 });
    expect(value(METRIC.containerCpuUtilization)).toEqual({ '': 0.5 });
    expect(value(METRIC.containerCpuLimit)).toEqual({ '': 1.5 });
    expect(value(METRIC.containerCpuTime)).toEqual({ user: 60, system: 30 });
    expect(value(METRIC.containerMemoryUtilization)).toEqual({ '': 0.5 });
    expect(value(METRIC.containerMemoryAvailable)).toEqual({ '': 4 * GIB });
    expect(value(METRIC.containerOomKills)).toEqual({ '': 2 });
    expect(value(METRIC.containerThrottledTime)).toEqual({ '': 2.5 });
    expect(value(METRIC.containerPressureTime)).toEqual({}); // could not be read any more
  });
});
