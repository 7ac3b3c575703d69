import { existsSync } from 'node:fs';
import { type CgroupPaths, cgroupPaths } from './cgroup-paths.ts';
import { Pressure, type PressureReading } from './pressure.ts';
import { NamedNumbers } from './proc-numbers.ts';
import { bytesRead, ProcFile } from './proc-file.ts';

/** What a container (a cgroup) uses and may use. Bytes, seconds; totals since it was made. */
export interface ContainerReading {
  readonly cpu: number | undefined;
  readonly cpuUser: number | undefined;
  readonly cpuSystem: number | undefined;
  /** CPUs; undefined without a limit. */
  readonly cpuLimit: number | undefined;
  readonly throttled: number | undefined;
  readonly throttledPeriods: number | undefined;
  readonly memory: number | undefined;
  /** Without what can be given back at once. */
  readonly workingSet: number | undefined;
  readonly rss: number | undefined;
  /** Undefined without a limit. */
  readonly memoryLimit: number | undefined;
  readonly oomKills: number | undefined;
  readonly pressure: readonly PressureReading[];
}

export interface CgroupOptions {
  /** Texts of /proc/PID/cgroup and /proc/PID/mountinfo. */
  readonly cgroup: string;
  readonly mountinfo: string;
  /** Put before every path; for tests. */
  readonly root?: string;
}

/** The cgroup of a process, version 1 or 2. */
export interface Cgroup {
  /** `memoryTotal`: of the machine; a limit that is not below it is none. `slow`: also limits and what is rarely different. */
  read(slow: boolean, memoryTotal: number | undefined): ContainerReading | undefined;
  close(): void;
}

export function openCgroup(options: CgroupOptions): Cgroup | undefined {
  const { root = '' } = options;
  const paths = cgroupPaths(options.cgroup, options.mountinfo, (path) => existsSync(root + path));
  if (!paths) return undefined;
  return paths.version === 2
    ? new CgroupV2(paths.directories.map((directory) => root + directory))
    : new CgroupV1(paths, root);
}

/** A number that follows a name at the beginning of a line. */
function field(text: string | undefined, name: string): number | undefined {
  const value = new RegExp(`^${name} (\\d+)`, 'm').exec(text ?? '')?.[1];
  return value === undefined ? undefined : Number(value);
}
function scaled(value: number | undefined, scale: number): number | undefined {
  return value === undefined ? undefined : value * scale;
}
function number(text: string | undefined): number | undefined {
  const value = Number.parseInt(text ?? '', 10);
  return Number.isFinite(value) ? value : undefined;
}
function workingSet(usage: number | undefined, inactive: number | undefined): number | undefined {
  return usage === undefined ? undefined : Math.max(0, usage - (inactive ?? 0));
}
function lowest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}
/** Reads a file once, whatever it holds. */
function once(path: string): string | undefined {
  const file = new ProcFile(path);
  const text = file.read();
  file.close();
  return text;
}

/** Of cpu.stat, in this order. */
const CPU_STAT = new NamedNumbers([
  'usage_usec ',
  'user_usec ',
  'system_usec ',
  'throttled_usec ',
  'nr_throttled ',
]);

/** Documentation/admin-guide/cgroup-v2.rst */
class CgroupV2 implements Cgroup {
  readonly #directories: readonly string[];
  readonly #current: ProcFile;
  readonly #cpuStat: ProcFile;
  readonly #memoryStat: ProcFile;
  readonly #pressure: Pressure;
  #cpuLimit: number | undefined;
  #memoryLimit: number | undefined;
  #oomKills: number | undefined;
  #inactive: number | undefined;
  #rss: number | undefined;
  #pressureReadings: readonly PressureReading[] = [];

  constructor(directories: readonly string[]) {
    const [leaf = ''] = directories;
    this.#directories = directories;
    // Of the leaf: a parent's usage includes its other children.
    this.#current = new ProcFile(`${leaf}/memory.current`);
    this.#cpuStat = new ProcFile(`${leaf}/cpu.stat`);
    this.#memoryStat = new ProcFile(`${leaf}/memory.stat`);
    this.#pressure = new Pressure((resource) => `${leaf}/${resource}.pressure`);
  }

  read(slow: boolean, memoryTotal: number | undefined): ContainerReading | undefined {
    if (slow) this.#readSlow();
    const usage = number(this.#current.read());
    if (usage === undefined && this.#cpuLimit === undefined) return undefined; // the root: the whole machine
    const length = this.#cpuStat.readBytes();
    const cpu = (index: number): number | undefined => CPU_STAT.get(bytesRead(), length, index);
    const limit = this.#memoryLimit;
    return {
      cpu: scaled(cpu(0), 1e-6),
      cpuUser: scaled(cpu(1), 1e-6),
      cpuSystem: scaled(cpu(2), 1e-6),
      cpuLimit: this.#cpuLimit,
      throttled: scaled(cpu(3), 1e-6),
      throttledPeriods: cpu(4),
      memory: usage,
      workingSet: workingSet(usage, this.#inactive),
      rss: this.#rss,
      memoryLimit: limit !== undefined && limit < (memoryTotal ?? Infinity) ? limit : undefined,
      oomKills: this.#oomKills,
      pressure: this.#pressureReadings,
    };
  }

  close(): void {
    for (const file of [this.#current, this.#cpuStat, this.#memoryStat, this.#pressure]) file.close();
  }

  /** Limits hold for all that is below: the lowest from the leaf upwards. */
  #readSlow(): void {
    const [leaf = ''] = this.#directories;
    this.#memoryLimit = lowest(this.#directories.map((directory) => number(once(`${directory}/memory.max`))));
    this.#cpuLimit = lowest(
      this.#directories.map((directory) => {
        const [quota, period] = (once(`${directory}/cpu.max`) ?? '').split(' ').map(Number);
        return quota !== undefined && period && quota > 0 ? quota / period : undefined;
      }),
    );
    this.#oomKills = field(once(`${leaf}/memory.events`), 'oom_kill');
    // Dear: the kernel sums it over every CPU.
    const memory = this.#memoryStat.read();
    this.#inactive = field(memory, 'inactive_file');
    this.#rss = field(memory, 'anon');
    this.#pressureReadings = this.#pressure.read();
  }
}

/** USER_HZ, see parse-cpu.ts. */
const TICKS_PER_SECOND = 100;

type SlowCpu = Pick<ContainerReading, 'cpuUser' | 'cpuSystem' | 'throttled' | 'throttledPeriods'>;
const NO_CPU: SlowCpu = {
  cpuUser: undefined,
  cpuSystem: undefined,
  throttled: undefined,
  throttledPeriods: undefined,
};

/** Documentation/admin-guide/cgroup-v1/: memory.rst, cpuacct.rst; scheduler/sched-bwc.rst */
class CgroupV1 implements Cgroup {
  readonly #paths: Extract<CgroupPaths, { version: 1 }>;
  readonly #root: string;
  readonly #usage: ProcFile;
  readonly #memoryStat: ProcFile;
  readonly #cpuUsage: ProcFile;
  readonly #cpuacctStat: ProcFile;
  readonly #cpuStat: ProcFile;
  #cpuLimit: number | undefined;
  #memoryLimit: number | undefined;
  #inactive: number | undefined;
  #rss: number | undefined;
  #oomKills: number | undefined;
  #cpuTimes: SlowCpu = NO_CPU;

  constructor(paths: Extract<CgroupPaths, { version: 1 }>, root: string) {
    this.#paths = paths;
    this.#root = root;
    const { memory, cpu, cpuacct } = paths;
    this.#usage = new ProcFile(`${root}${memory}/memory.usage_in_bytes`);
    this.#memoryStat = new ProcFile(`${root}${memory}/memory.stat`);
    this.#cpuUsage = new ProcFile(`${root}${cpuacct}/cpuacct.usage`);
    this.#cpuacctStat = new ProcFile(`${root}${cpuacct}/cpuacct.stat`);
    this.#cpuStat = new ProcFile(`${root}${cpu}/cpu.stat`);
  }

  read(slow: boolean, memoryTotal: number | undefined): ContainerReading | undefined {
    if (slow) this.#readSlow();
    // "No limit" is a number near 2^63.
    const limit = this.#memoryLimit;
    const memoryLimit = limit !== undefined && limit < (memoryTotal ?? 2 ** 60) ? limit : undefined;
    const { memoryIsRoot, cpuIsRoot } = this.#paths;
    const isContainer =
      !(memoryIsRoot && cpuIsRoot) || memoryLimit !== undefined || this.#cpuLimit !== undefined;
    if (!isContainer) return undefined;
    // Only one of the controllers is ours: the other's root is the whole machine.
    const hasMemory = !memoryIsRoot || cpuIsRoot || memoryLimit !== undefined;
    const hasCpu = !cpuIsRoot || memoryIsRoot || this.#cpuLimit !== undefined;
    const usage = hasMemory ? number(this.#usage.read()) : undefined;
    return {
      ...(hasCpu ? this.#cpuTimes : NO_CPU),
      cpu: hasCpu ? scaled(number(this.#cpuUsage.read()), 1e-9) : undefined,
      cpuLimit: this.#cpuLimit,
      memory: usage,
      workingSet: workingSet(usage, this.#inactive),
      rss: hasMemory ? this.#rss : undefined,
      memoryLimit,
      oomKills: hasMemory ? this.#oomKills : undefined,
      pressure: [],
    };
  }

  close(): void {
    for (const file of [this.#usage, this.#memoryStat, this.#cpuUsage, this.#cpuacctStat, this.#cpuStat])
      file.close();
  }

  #readSlow(): void {
    const { cpu, memory } = this.#paths;
    const quota = number(once(`${this.#root}${cpu}/cpu.cfs_quota_us`));
    const period = number(once(`${this.#root}${cpu}/cpu.cfs_period_us`));
    this.#cpuLimit = quota !== undefined && period && quota > 0 ? quota / period : undefined;
    const stat = this.#memoryStat.read();
    this.#memoryLimit = field(stat, 'hierarchical_memory_limit');
    this.#inactive = field(stat, 'total_inactive_file');
    const held = this.#cpuStat.read();
    const time = this.#cpuacctStat.read();
    this.#cpuTimes = {
      cpuUser: scaled(field(time, 'user'), 1 / TICKS_PER_SECOND),
      cpuSystem: scaled(field(time, 'system'), 1 / TICKS_PER_SECOND),
      throttled: scaled(field(held, 'throttled_time'), 1e-9),
      throttledPeriods: field(held, 'nr_throttled'),
    };
    this.#rss = field(stat, 'total_rss');
    this.#oomKills = field(once(`${this.#root}${memory}/memory.oom_control`), 'oom_kill');
  }
}
