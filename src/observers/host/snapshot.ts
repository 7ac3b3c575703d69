import type { ContainerReading } from './cgroup.ts';
import type { InfinibandReading } from './infiniband.ts';
import type { NumaReading } from './numa.ts';
import type { PressureReading } from './pressure.ts';

/** Modes of `cpu.mode` that are published. */
export const CPU_MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'interrupt', 'steal'] as const;
export type CpuMode = (typeof CPU_MODES)[number];
/** Seconds since the machine started, all CPUs together. */
export type CpuTimes = Partial<Record<CpuMode, number>>;

/** Bytes. */
export interface MemoryReading {
  readonly total: number;
  readonly free: number;
  readonly available: number | undefined;
  /** Undefined where the system does not tell. */
  readonly buffers: number | undefined;
  readonly cached: number | undefined;
  readonly used: number;
}
export interface SwapReading {
  readonly total: number;
  readonly free: number;
}
/** Totals since the machine started. */
export interface PagingReading {
  readonly pagesIn: number | undefined;
  readonly pagesOut: number | undefined;
  readonly faults: number | undefined;
  readonly majorFaults: number | undefined;
}
/** Totals since the machine started: bytes, operations, seconds. Undefined where the system does not tell. */
export interface DiskReading {
  readonly name: string;
  readonly readBytes: number | undefined;
  readonly writtenBytes: number | undefined;
  readonly reads: number | undefined;
  readonly writes: number | undefined;
  readonly busy: number | undefined;
}
/** Totals since the machine started. Undefined where the system does not tell. */
export interface NetworkReading {
  readonly name: string;
  readonly receivedBytes: number | undefined;
  readonly receivedPackets: number | undefined;
  readonly receiveErrors: number | undefined;
  readonly receiveDropped: number | undefined;
  readonly sentBytes: number | undefined;
  readonly sentPackets: number | undefined;
  readonly sendErrors: number | undefined;
  readonly sendDropped: number | undefined;
}
/** Bytes. `available` is what an ordinary user may still write. */
export interface FilesystemReading {
  readonly mountpoint: string;
  readonly type: string | undefined;
  readonly device: string | undefined;
  readonly size: number;
  readonly free: number;
  readonly available: number;
}
/** The processes that a process has started, together. CPU time of those that have ended is kept. */
export interface ChildrenReading {
  readonly count: number;
  readonly cpuUser: number;
  readonly cpuSystem: number;
  readonly residentBytes: number;
  readonly threads: number;
  readonly openFiles: number;
}
/** A process. Bytes, seconds, totals since it started. */
export interface ProcessReading {
  readonly cpuUser: number;
  readonly cpuSystem: number;
  readonly residentBytes: number | undefined;
  readonly virtualBytes: number | undefined;
  readonly threads: number | undefined;
  readonly openFiles: number | undefined;
  readonly voluntarySwitches: number | undefined;
  readonly involuntarySwitches: number | undefined;
  readonly minorFaults: number;
  readonly majorFaults: number;
  readonly readBytes: number | undefined;
  readonly writtenBytes: number | undefined;
  readonly uptime: number;
  /** Undefined as long as it has started none. */
  readonly children?: ChildrenReading | undefined;
}

/** One sample of a process. */
export interface ProcessSnapshot {
  /** `performance.now()` milliseconds. */
  readonly time: number;
  readonly cpuCount: number;
  readonly process: ProcessReading;
  /** When `process.children` was read, on the same clock. Default `time`. */
  readonly childrenTime?: number | undefined;
}

/**
 * What of a sample was read for it; the rest is of a sample before. Every sample has CPU, memory, and both of this
 * process and of its cgroup.
 */
export interface FreshParts {
  /** Load, disks, networks, children, and what else there is to know of this process. */
  readonly details: boolean;
  /** File systems, paging, pressure, NUMA, InfiniBand, uptime and counts. */
  readonly slow: boolean;
}

/** One sample of the machine. What could not be read is undefined or an empty list. */
export interface HostSnapshot extends ProcessSnapshot {
  /** Default everything. */
  readonly fresh?: FreshParts;
  readonly cpu: CpuTimes | undefined;
  readonly load: readonly [number, number, number] | undefined;
  readonly memory: MemoryReading | undefined;
  readonly swap: SwapReading | undefined;
  readonly paging: PagingReading | undefined;
  readonly disks: readonly DiskReading[];
  readonly networks: readonly NetworkReading[];
  readonly filesystems: readonly FilesystemReading[];
  readonly uptime: number | undefined;
  readonly processCount: number | undefined;
  /** The cgroup of this process; undefined outside of one. */
  readonly container?: ContainerReading | undefined;
  readonly pressure?: readonly PressureReading[];
  readonly numa?: readonly NumaReading[];
  readonly infiniband?: readonly InfinibandReading[];
}

/** Reads the machine. `read` is synchronous and does nothing that may hang. */
export interface HostReader {
  read(): HostSnapshot;
  close(): void;
}
