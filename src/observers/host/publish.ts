import type { HrTime } from '@opentelemetry/api';
import { hrTime } from '@opentelemetry/core';
import { ATTR, METRIC, type MetricDefinition } from '../../conventions/index.ts';
import type { Published } from '../published.ts';
import type { PressureReading } from './pressure.ts';
import { publishProcessDetails, publishProcessLoad } from './publish-process.ts';
import { CPU_MODES, type FreshParts, type HostSnapshot } from './snapshot.ts';

/** Since when the totals count. */
export interface Starts {
  readonly machine: HrTime;
  readonly process: HrTime;
}

const EVERYTHING: FreshParts = { details: true, slow: true };

/**
 * Puts what is new of a snapshot into the instruments; `previous` is the one before, for shares of the time between the
 * two. What was not read anew keeps the time of its own reading.
 */
export function publishHost(
  published: Published,
  snapshot: HostSnapshot,
  previous: HostSnapshot | undefined,
  starts: Starts,
  withProcess = true,
): void {
  const { details, slow } = snapshot.fresh ?? EVERYTHING;
  const time = hrTime();
  published.begin(time, 'always');
  cpu(published, snapshot, previous, starts.machine);
  memory(published, snapshot);
  container(published, snapshot, previous, starts.machine);
  if (withProcess) publishProcessLoad(published, snapshot, previous, starts.process);
  published.end();
  if (details) {
    published.begin(time, 'details');
    load(published, snapshot);
    devices(published, snapshot, starts.machine);
    if (withProcess) publishProcessDetails(published, snapshot, previous, starts.process);
    published.end();
  }
  if (slow) {
    published.begin(time, 'slow');
    paging(published, snapshot, starts.machine);
    filesystems(published, snapshot);
    pressure(published, METRIC.pressureTime, snapshot.pressure, starts.machine);
    interconnects(published, snapshot, starts.machine);
    published.set(METRIC.systemUptime, '', snapshot.uptime, none);
    published.set(METRIC.processCount, '', snapshot.processCount, none);
    published.end();
  }
}

const none = () => ({});

function cpu(published: Published, now: HostSnapshot, before: HostSnapshot | undefined, start: HrTime): void {
  if (now.cpuCount > 0) published.set(METRIC.systemCpuCount, '', now.cpuCount, none);
  const times = now.cpu;
  if (times) {
    let elapsed = 0;
    for (const mode of CPU_MODES) elapsed += Math.max(0, (times[mode] ?? 0) - (before?.cpu?.[mode] ?? 0));
    for (const mode of CPU_MODES) {
      const value = times[mode];
      if (value === undefined) continue;
      const attributes = () => ({ [ATTR.cpuMode]: mode });
      published.total(METRIC.systemCpuTime, mode, value, attributes, start);
      const earlier = before?.cpu?.[mode];
      if (earlier !== undefined && elapsed > 0) {
        const share = Math.max(0, value - earlier) / elapsed;
        // The busy share's highest is what the idle share's lowest leaves.
        if (mode === 'idle') published.sampled(METRIC.systemCpuUtilization, mode, share, attributes);
        else published.set(METRIC.systemCpuUtilization, mode, share, attributes);
      }
    }
  }
}

function load(published: Published, now: HostSnapshot): void {
  const [one, five, fifteen] = now.load ?? [];
  published.set(METRIC.loadAverage1m, '', one, none);
  published.set(METRIC.loadAverage5m, '', five, none);
  published.set(METRIC.loadAverage15m, '', fifteen, none);
}

const MEMORY_STATES = ['used', 'free', 'buffers', 'cached'] as const;

function memory(published: Published, now: HostSnapshot): void {
  if (now.memory) {
    const { total, available } = now.memory;
    published.set(METRIC.memoryLimit, '', total, none);
    published.set(METRIC.memoryAvailable, '', available, none);
    for (const state of MEMORY_STATES) {
      const value = now.memory[state];
      if (value === undefined) continue;
      const attributes = () => ({ [ATTR.memoryState]: state });
      published.set(METRIC.memoryUsage, state, value, attributes);
      if (state === 'used') published.sampled(METRIC.memoryUtilization, state, value / total, attributes);
      else published.set(METRIC.memoryUtilization, state, value / total, attributes);
    }
  }
  if (now.swap) {
    const { total, free } = now.swap;
    for (const [state, value] of [
      ['used', total - free],
      ['free', free],
    ] as const) {
      const attributes = () => ({ [ATTR.pagingState]: state });
      published.set(METRIC.pagingUsage, state, value, attributes);
      published.set(METRIC.pagingUtilization, state, value / total, attributes);
    }
  }
}

function paging(published: Published, now: HostSnapshot, start: HrTime): void {
  if (now.paging) {
    const { pagesIn, pagesOut, faults, majorFaults } = now.paging;
    const direction = (name: string) => () => ({ [ATTR.pagingDirection]: name });
    published.total(METRIC.pagingOperations, 'in', pagesIn, direction('in'), start);
    published.total(METRIC.pagingOperations, 'out', pagesOut, direction('out'), start);
    const minor = faults === undefined || majorFaults === undefined ? undefined : faults - majorFaults;
    published.total(METRIC.pagingFaults, 'minor', minor, faultType('minor'), start);
    published.total(METRIC.pagingFaults, 'major', majorFaults, faultType('major'), start);
  }
}

function devices(published: Published, now: HostSnapshot, start: HrTime): void {
  const both = (
    definition: MetricDefinition,
    attribute: string,
    directionAttribute: string,
    name: string,
    ...values: (readonly [direction: string, value: number | undefined])[]
  ): void => {
    for (const [direction, value] of values) {
      published.total(
        definition,
        `${name} ${direction}`,
        value,
        () => ({ [attribute]: name, [directionAttribute]: direction }),
        start,
      );
    }
  };
  for (const disk of now.disks) {
    const { name } = disk;
    both(
      METRIC.diskIo,
      ATTR.device,
      ATTR.diskDirection,
      name,
      ['read', disk.readBytes],
      ['write', disk.writtenBytes],
    );
    both(
      METRIC.diskOperations,
      ATTR.device,
      ATTR.diskDirection,
      name,
      ['read', disk.reads],
      ['write', disk.writes],
    );
    published.total(METRIC.diskIoTime, name, disk.busy, () => ({ [ATTR.device]: name }), start);
  }
  for (const network of now.networks) {
    for (const [definition, received, sent] of [
      [METRIC.networkIo, network.receivedBytes, network.sentBytes],
      [METRIC.networkPackets, network.receivedPackets, network.sentPackets],
      [METRIC.networkErrors, network.receiveErrors, network.sendErrors],
      [METRIC.networkDropped, network.receiveDropped, network.sendDropped],
    ] as const) {
      both(
        definition,
        ATTR.networkInterface,
        ATTR.networkDirection,
        network.name,
        ['receive', received],
        ['transmit', sent],
      );
    }
  }
}

function filesystems(published: Published, now: HostSnapshot): void {
  for (const filesystem of now.filesystems) {
    const { mountpoint, type, device, size, free, available } = filesystem;
    const attributes = {
      [ATTR.filesystemMountpoint]: mountpoint,
      ...(type !== undefined && { [ATTR.filesystemType]: type }),
      ...(device !== undefined && { [ATTR.device]: device }),
    };
    const used = size - free;
    for (const [state, value] of [
      ['used', used],
      ['free', available],
      ['reserved', free - available],
    ] as const) {
      published.set(METRIC.filesystemUsage, `${mountpoint} ${state}`, value, () => ({
        ...attributes,
        [ATTR.filesystemState]: state,
      }));
    }
    published.set(METRIC.filesystemLimit, mountpoint, size, () => attributes);
    // As `df`: of what an ordinary user can have.
    if (used + available > 0) {
      published.set(METRIC.filesystemUtilization, mountpoint, used / (used + available), () => attributes);
    }
  }
}

/** The cgroup's own view: `container.*`. Shares of its limits only where it has some. */
function container(
  published: Published,
  now: HostSnapshot,
  before: HostSnapshot | undefined,
  start: HrTime,
): void {
  const reading = now.container;
  if (!reading) return;
  const mode = (name: string) => () => ({ [ATTR.cpuMode]: name });
  published.total(METRIC.containerCpuTime, 'user', reading.cpuUser, mode('user'), start);
  published.total(METRIC.containerCpuTime, 'system', reading.cpuSystem, mode('system'), start);
  published.set(METRIC.containerCpuLimit, '', reading.cpuLimit, none);
  const seconds = before ? (now.time - before.time) / 1000 : 0;
  const earlier = before?.container?.cpu;
  if (reading.cpu !== undefined && earlier !== undefined && seconds > 0) {
    const usage = Math.max(0, reading.cpu - earlier) / seconds;
    published.sampled(METRIC.containerCpuUsage, '', usage, none);
    if (reading.cpuLimit) published.set(METRIC.containerCpuUtilization, '', usage / reading.cpuLimit, none);
  }
  published.total(METRIC.containerThrottledTime, '', reading.throttled, none, start);
  published.total(METRIC.containerThrottledPeriods, '', reading.throttledPeriods, none, start);
  const { memory, workingSet, rss, memoryLimit } = reading;
  published.set(METRIC.containerMemoryUsage, '', memory, none);
  published.sampled(METRIC.containerMemoryWorkingSet, '', workingSet, none);
  published.set(METRIC.containerMemoryRss, '', rss, none);
  published.set(METRIC.containerMemoryLimit, '', memoryLimit, none);
  if (memoryLimit && workingSet !== undefined) {
    published.set(METRIC.containerMemoryAvailable, '', Math.max(0, memoryLimit - workingSet), none);
    published.set(METRIC.containerMemoryUtilization, '', workingSet / memoryLimit, none);
  }
  published.total(METRIC.containerOomKills, '', reading.oomKills, none, start);
  pressure(published, METRIC.containerPressureTime, reading.pressure, start);
}

function pressure(
  published: Published,
  definition: MetricDefinition,
  readings: readonly PressureReading[] | undefined,
  start: HrTime,
): void {
  for (const reading of readings ?? []) {
    for (const kind of ['some', 'full'] as const) {
      const attributes = () => ({ [ATTR.pressureResource]: reading.resource, [ATTR.pressureKind]: kind });
      published.total(definition, `${reading.resource} ${kind}`, reading[kind], attributes, start);
    }
  }
}

/** NUMA nodes and InfiniBand ports. */
function interconnects(published: Published, now: HostSnapshot, start: HrTime): void {
  for (const { node, total, free } of now.numa ?? []) {
    const attributes = { [ATTR.numaNode]: node };
    published.set(METRIC.numaMemoryLimit, String(node), total, () => attributes);
    for (const [state, value] of [
      ['used', total - free],
      ['free', free],
    ] as const) {
      published.set(METRIC.numaMemoryUsage, `${node} ${state}`, value, () => ({
        ...attributes,
        [ATTR.memoryState]: state,
      }));
    }
  }
  for (const port of now.infiniband ?? []) {
    const { name } = port;
    const attributes = { [ATTR.hwId]: name, [ATTR.hwName]: name, [ATTR.hwType]: 'network' };
    for (const [definition, received, sent] of [
      [METRIC.hwNetworkIo, port.receivedBytes, port.sentBytes],
      [METRIC.hwNetworkPackets, port.receivedPackets, port.sentPackets],
    ] as const) {
      for (const [direction, value] of [
        ['receive', received],
        ['transmit', sent],
      ] as const) {
        const each = () => ({ ...attributes, [ATTR.networkDirection]: direction });
        published.total(definition, `${name} ${direction}`, value, each, start);
      }
    }
    for (const [type, value] of [
      ['receive', port.receiveErrors],
      ['link_downed', port.linkDowned],
    ] as const) {
      const each = () => ({ ...attributes, [ATTR.errorType]: type });
      published.total(METRIC.hwErrors, `${name} ${type}`, value, each, start);
    }
    published.set(METRIC.hwNetworkUp, name, port.active ? 1 : 0, () => attributes);
    published.set(METRIC.hwNetworkBandwidthLimit, name, port.speed, () => attributes);
  }
}

function faultType(type: string): () => { [name: string]: string } {
  return () => ({ [ATTR.pagingFaultType]: type });
}
