import type { HrTime } from '@opentelemetry/api';
import { ATTR, METRIC, type MetricDefinition } from '../../conventions/index.ts';
import type { Published } from '../published.ts';
import { CPU_MODES, type HostSnapshot } from './snapshot.ts';

/** Since when the totals count. */
export interface Starts {
  readonly machine: HrTime;
  readonly process: HrTime;
}

/** Puts a snapshot into the instruments; `previous` is the one before, for shares of the time between the two. */
export function publishHost(
  published: Published,
  snapshot: HostSnapshot,
  previous: HostSnapshot | undefined,
  starts: Starts,
): void {
  published.begin();
  cpu(published, snapshot, previous, starts.machine);
  memory(published, snapshot, starts.machine);
  devices(published, snapshot, starts.machine);
  ownProcess(published, snapshot, previous, starts.process);
  published.end();
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
        published.set(METRIC.systemCpuUtilization, mode, Math.max(0, value - earlier) / elapsed, attributes);
      }
    }
  }
  const [one, five, fifteen] = now.load ?? [];
  published.set(METRIC.loadAverage1m, '', one, none);
  published.set(METRIC.loadAverage5m, '', five, none);
  published.set(METRIC.loadAverage15m, '', fifteen, none);
  published.set(METRIC.systemUptime, '', now.uptime, none);
  published.set(METRIC.processCount, '', now.processCount, none);
}

const MEMORY_STATES = ['used', 'free', 'buffers', 'cached'] as const;

function memory(published: Published, now: HostSnapshot, start: HrTime): void {
  if (now.memory) {
    const { total, available } = now.memory;
    published.set(METRIC.memoryLimit, '', total, none);
    published.set(METRIC.memoryAvailable, '', available, none);
    for (const state of MEMORY_STATES) {
      const value = now.memory[state];
      if (value === undefined) continue;
      const attributes = () => ({ [ATTR.memoryState]: state });
      published.set(METRIC.memoryUsage, state, value, attributes);
      published.set(METRIC.memoryUtilization, state, value / total, attributes);
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
    ...values: (readonly [direction: string, value: number])[]
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

function ownProcess(
  published: Published,
  now: HostSnapshot,
  before: HostSnapshot | undefined,
  start: HrTime,
): void {
  const process = now.process;
  const seconds = before ? (now.time - before.time) / 1000 : 0;
  for (const [mode, value, earlier] of [
    ['user', process.cpuUser, before?.process.cpuUser],
    ['system', process.cpuSystem, before?.process.cpuSystem],
  ] as const) {
    const attributes = () => ({ [ATTR.cpuMode]: mode });
    published.total(METRIC.processCpuTime, mode, value, attributes, start);
    if (earlier !== undefined && seconds > 0 && now.cpuCount > 0) {
      published.set(
        METRIC.processCpuUtilization,
        mode,
        Math.max(0, value - earlier) / seconds / now.cpuCount,
        attributes,
      );
    }
  }
  published.set(METRIC.processMemoryUsage, '', process.residentBytes, none);
  published.set(METRIC.processMemoryVirtual, '', process.virtualBytes, none);
  published.set(METRIC.processThreads, '', process.threads, none);
  published.set(METRIC.processOpenFiles, '', process.openFiles, none);
  published.set(METRIC.processUptime, '', process.uptime, none);
  const direction = (name: string) => () => ({ [ATTR.diskDirection]: name });
  published.total(METRIC.processDiskIo, 'read', process.readBytes, direction('read'), start);
  published.total(METRIC.processDiskIo, 'write', process.writtenBytes, direction('write'), start);
  const kind = (name: string) => () => ({ [ATTR.contextSwitchType]: name });
  const { voluntarySwitches, involuntarySwitches } = process;
  published.total(METRIC.processContextSwitches, 'voluntary', voluntarySwitches, kind('voluntary'), start);
  published.total(
    METRIC.processContextSwitches,
    'involuntary',
    involuntarySwitches,
    kind('involuntary'),
    start,
  );
  published.total(METRIC.processPagingFaults, 'minor', process.minorFaults, faultType('minor'), start);
  published.total(METRIC.processPagingFaults, 'major', process.majorFaults, faultType('major'), start);
}

function faultType(type: string): () => { [name: string]: string } {
  return () => ({ [ATTR.pagingFaultType]: type });
}
