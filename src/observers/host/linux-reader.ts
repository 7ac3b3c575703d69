import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type Cgroup, openCgroup } from './cgroup.ts';
import { Descendants } from './descendants.ts';
import { PhysicalDisks } from './disks.ts';
import { type AskSpace, Filesystems } from './filesystems.ts';
import { readInfiniband } from './infiniband.ts';
import { type Mount, parseMounts } from './mounts.ts';
import { readNuma } from './numa.ts';
import { type OwnProcess, ownProcess } from './own-process.ts';
import { parseCpuCount, parseCpuTimes, parseLoad, parseUptime } from './parse-cpu.ts';
import { parseDisks, parseNetworks } from './parse-devices.ts';
import { parseMemory, parsePaging, parseProcessIo, parseProcessStatus, parseSwap } from './parse-memory.ts';
import { Pressure } from './pressure.ts';
import { pageSizeOf, residentPages } from './parse-process.ts';
import { bytesRead, ProcFile } from './proc-file.ts';
import type { ChildrenReading, FreshParts, HostReader, HostSnapshot, ProcessReading } from './snapshot.ts';

/**
 * Milliseconds between two readings of what is not in every sample: what is counted over time (disks, networks) or
 * changes slowly, what costs more, and what is dearer still or hardly ever another.
 */
export interface Cadence {
  readonly details: number;
  readonly slow: number;
  readonly filesystems: number;
  readonly rare: number;
}
const CADENCE: Cadence = { details: 10_000, slow: 30_000, filesystems: 30_000, rare: 60_000 };
/** A timer fires a little early or late. */
const SLACK = 0.05;

/** The line of all CPUs together is the first of /proc/stat; on large machines the file has tens of kilobytes. */
const CPU_LINE = 512;

export interface LinuxReaderOptions {
  /** Default `/proc`. */
  proc?: string;
  /** Default `/sys`. */
  sys?: string;
  own?: OwnProcess;
  /** Default `fs.statfs`. */
  askSpace?: AskSpace;
  /** Paths whose file systems are observed; default `/` and the working directory. */
  paths?: readonly string[];
  /** Put before the paths of cgroup directories; for tests. */
  cgroupRoot?: string;
  /** Default 10, 30, 30 and 60 s; 0: with every sample. */
  cadence?: Partial<Cadence>;
  now?: () => number;
}

/**
 * Reads a Linux machine from /proc, synchronously: these files lie in memory, and a hop to the thread pool would cost
 * more than the read. Figures are the machine's, also inside of a container, whose own figures stand beside them.
 */
export class LinuxReader implements HostReader {
  readonly #proc: string;
  readonly #own: OwnProcess;
  readonly #now: () => number;
  readonly #files: Record<
    | 'stat'
    | 'meminfo'
    | 'statm'
    | 'vmstat'
    | 'loadavg'
    | 'uptime'
    | 'diskstats'
    | 'network'
    | 'status'
    | 'io',
    ProcFile
  >;
  readonly #disks: PhysicalDisks;
  readonly #filesystems: Filesystems;
  readonly #cgroup: Cgroup | undefined;
  readonly #pressureFiles: Pressure;
  readonly #descendants: Descendants;
  readonly #sys: string;
  readonly #cadence: Cadence;
  readonly #pageSize: number;
  #details!: Details; // the first sample reads everything
  #slow!: Slow;
  /** When each part was read last. */
  readonly #readAt = { details: -Infinity, slow: -Infinity, filesystems: -Infinity, rare: -Infinity };
  #hasInfiniband = false;
  #hasNuma = false;
  #mounts: readonly Mount[] = [];
  #cpuCount = 0;
  #processCount: number | undefined;

  constructor(options: LinuxReaderOptions = {}) {
    const proc = options.proc ?? '/proc';
    this.#proc = proc;
    this.#own = options.own ?? ownProcess;
    this.#now = options.now ?? (() => performance.now());
    this.#cadence = { ...CADENCE, ...options.cadence };
    this.#pageSize = pageSizeOf(readBuffer(`${proc}/self/auxv`));
    this.#files = {
      stat: new ProcFile(`${proc}/stat`, CPU_LINE),
      meminfo: new ProcFile(`${proc}/meminfo`),
      vmstat: new ProcFile(`${proc}/vmstat`),
      loadavg: new ProcFile(`${proc}/loadavg`),
      uptime: new ProcFile(`${proc}/uptime`),
      diskstats: new ProcFile(`${proc}/diskstats`),
      // Of the process, since /proc/net is a link to it: its network namespace.
      network: new ProcFile(`${proc}/self/net/dev`),
      statm: new ProcFile(`${proc}/self/statm`),
      status: new ProcFile(`${proc}/self/status`),
      io: new ProcFile(`${proc}/self/io`),
    };
    this.#sys = options.sys ?? '/sys';
    this.#disks = new PhysicalDisks(this.#sys);
    this.#cgroup = openCgroup({
      cgroup: once(`${proc}/self/cgroup`),
      mountinfo: once(`${proc}/self/mountinfo`),
      ...(options.cgroupRoot !== undefined && { root: options.cgroupRoot }),
    });
    this.#pressureFiles = new Pressure((resource) => `${proc}/pressure/${resource}`);
    this.#descendants = new Descendants({ proc, pid: this.#own.pid });
    this.#filesystems = new Filesystems({
      paths: options.paths ?? ['/', this.#own.cwd()],
      mounts: () => this.#mounts,
      ...(options.askSpace && { ask: options.askSpace }),
    });
  }

  read(): HostSnapshot {
    const time = this.#now();
    const rare = this.#isDue('rare', time);
    const slow = this.#isDue('slow', time) || rare;
    const details = this.#isDue('details', time) || slow;
    if (rare) this.#readRare();
    if (slow) this.#slow = this.#readSlow();
    if (this.#isDue('filesystems', time)) this.#filesystems.refresh();
    if (details) this.#details = this.#readDetails(time);
    const files = this.#files;
    const stat = files.stat.readBytes();
    const cpu = stat < 0 ? undefined : parseCpuTimes(bytesRead(), stat);
    const meminfo = files.meminfo.readBytes();
    const memory = meminfo < 0 ? undefined : parseMemory(bytesRead(), meminfo);
    const swap = memory === undefined ? undefined : parseSwap(bytesRead(), meminfo);
    const own = this.#details;
    const was = this.#slow;
    return {
      time,
      fresh: details ? (slow ? EVERYTHING : WITH_DETAILS) : LEAST,
      cpuCount: this.#cpuCount,
      cpu,
      memory,
      swap,
      load: own.load,
      disks: own.disks,
      networks: own.networks,
      paging: was.paging,
      filesystems: this.#filesystems.readings(),
      uptime: was.uptime,
      processCount: this.#processCount,
      process: this.#readProcess(own),
      childrenTime: own.time,
      container: this.#cgroup?.read(details, memory?.total),
      pressure: was.pressure,
      numa: was.numa,
      infiniband: was.infiniband,
    };
  }

  close(): void {
    for (const file of Object.values(this.#files)) file.close();
    this.#cgroup?.close();
    this.#pressureFiles.close();
    this.#descendants.close();
  }

  #isDue(part: keyof Cadence, time: number): boolean {
    const since = time - this.#readAt[part];
    const due = since >= this.#cadence[part] * (1 - SLACK);
    if (due) this.#readAt[part] = time;
    return due;
  }

  #readProcess(details: Details): ProcessReading {
    const { user, system } = this.#own.cpuUsage();
    const statm = this.#files.statm.readBytes();
    const pages = statm < 0 ? undefined : residentPages(bytesRead(), statm);
    const { usage, status, io } = details;
    return {
      cpuUser: user / 1e6,
      cpuSystem: system / 1e6,
      residentBytes: pages === undefined ? undefined : pages * this.#pageSize,
      virtualBytes: status.virtualBytes,
      threads: status.threads,
      openFiles: this.#slow.openFiles,
      voluntarySwitches: usage.voluntaryContextSwitches,
      involuntarySwitches: usage.involuntaryContextSwitches,
      minorFaults: usage.minorPageFault,
      majorFaults: usage.majorPageFault,
      readBytes: io.readBytes,
      writtenBytes: io.writtenBytes,
      uptime: details.uptime,
      children: details.children,
    };
  }

  #readDetails(time: number): Details {
    const files = this.#files;
    const loadavg = files.loadavg.read();
    this.#descendants.refresh();
    return {
      time,
      load: loadavg === undefined ? undefined : parseLoad(loadavg),
      disks: parseDisks(files.diskstats.read() ?? '', (name) => this.#disks.has(name)),
      networks: parseNetworks(files.network.read() ?? ''),
      usage: this.#own.resourceUsage(),
      status: parseProcessStatus(files.status.read() ?? ''),
      io: parseProcessIo(files.io.read() ?? ''),
      uptime: this.#own.uptime(),
      children: this.#descendants.read(),
    };
  }

  #readSlow(): Slow {
    const uptime = this.#files.uptime.read();
    // The kernel sums it over every CPU: as dear as all the rest on a large machine.
    const vmstat = this.#files.vmstat.read();
    const descriptors = entries(`${this.#proc}/self/fd`)?.length;
    return {
      uptime: uptime === undefined ? undefined : parseUptime(uptime),
      paging: vmstat === undefined ? undefined : parsePaging(vmstat),
      // One of them is the directory that is being read.
      openFiles: descriptors === undefined ? undefined : Math.max(0, descriptors - 1),
      pressure: this.#pressureFiles.read(),
      numa: this.#hasNuma ? readNuma(this.#sys) : [],
      infiniband: this.#hasInfiniband ? readInfiniband(this.#sys) : [],
    };
  }

  #readRare(): void {
    this.#disks.refresh();
    this.#descendants.forgetThreads();
    this.#mounts = parseMounts(once(`${this.#proc}/self/mountinfo`));
    this.#processCount = entries(this.#proc)?.filter((name) => /^\d+$/.test(name)).length;
    this.#cpuCount = parseCpuCount(once(`${this.#proc}/stat`));
    this.#hasInfiniband = existsSync(`${this.#sys}/class/infiniband`);
    this.#hasNuma = readNuma(this.#sys).length > 0;
  }
}

const LEAST: FreshParts = { details: false, slow: false };
const WITH_DETAILS: FreshParts = { details: true, slow: false };
const EVERYTHING: FreshParts = { details: true, slow: true };

interface Details extends Pick<HostSnapshot, 'load' | 'disks' | 'networks'> {
  readonly time: number;
  readonly usage: ReturnType<OwnProcess['resourceUsage']>;
  readonly status: ReturnType<typeof parseProcessStatus>;
  readonly io: ReturnType<typeof parseProcessIo>;
  readonly uptime: number;
  readonly children: ChildrenReading | undefined;
}
type Slow = Pick<HostSnapshot, 'paging' | 'uptime' | 'pressure' | 'numa' | 'infiniband'> &
  Pick<ProcessReading, 'openFiles'>;

/** A file that is read now and then; empty when it cannot be. */
function once(path: string): string {
  const file = new ProcFile(path);
  const text = file.read();
  file.close();
  return text ?? '';
}

function readBuffer(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function entries(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch {
    return undefined;
  }
}
