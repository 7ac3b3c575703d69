import { existsSync, readdirSync } from 'node:fs';
import { type Cgroup, openCgroup } from './cgroup.ts';
import { Descendants } from './descendants.ts';
import { PhysicalDisks } from './disks.ts';
import { type AskSpace, Filesystems } from './filesystems.ts';
import { type InfinibandReading, readInfiniband } from './infiniband.ts';
import { type Mount, parseMounts } from './mounts.ts';
import { type NumaReading, readNuma } from './numa.ts';
import { type OwnProcess, ownProcess } from './own-process.ts';
import { parseCpuCount, parseCpuTimes, parseLoad, parseUptime } from './parse-cpu.ts';
import { parseDisks, parseNetworks } from './parse-devices.ts';
import { parseMemory, parsePaging, parseProcessIo, parseProcessStatus, parseSwap } from './parse-memory.ts';
import { Pressure, type PressureReading } from './pressure.ts';
import { ProcFile } from './proc-file.ts';
import type { HostReader, HostSnapshot, PagingReading, ProcessReading } from './snapshot.ts';

/** What costs more or changes slowly is read at every tenth sample. */
const SLOW_EVERY = 10;
/** What is dearer still, or hardly ever there, at every sixtieth. */
const RARE_EVERY = 60;
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
    'stat' | 'meminfo' | 'vmstat' | 'loadavg' | 'uptime' | 'diskstats' | 'network' | 'status' | 'io',
    ProcFile
  >;
  readonly #disks: PhysicalDisks;
  readonly #filesystems: Filesystems;
  readonly #cgroup: Cgroup | undefined;
  readonly #pressureFiles: Pressure;
  readonly #descendants: Descendants;
  readonly #sys: string;
  #paging: PagingReading | undefined;
  #pressure: readonly PressureReading[] = [];
  #numa: readonly NumaReading[] = [];
  #infiniband: readonly InfinibandReading[] = [];
  #hasInfiniband = false;
  #mounts: readonly Mount[] = [];
  #samples = 0;
  #cpuCount = 0;
  #processCount: number | undefined;
  #openFiles: number | undefined;
  #uptime: number | undefined;
  #uptimeAt = 0;

  constructor(options: LinuxReaderOptions = {}) {
    const proc = options.proc ?? '/proc';
    this.#proc = proc;
    this.#own = options.own ?? ownProcess;
    this.#now = options.now ?? (() => performance.now());
    this.#files = {
      stat: new ProcFile(`${proc}/stat`, CPU_LINE),
      meminfo: new ProcFile(`${proc}/meminfo`),
      vmstat: new ProcFile(`${proc}/vmstat`),
      loadavg: new ProcFile(`${proc}/loadavg`),
      uptime: new ProcFile(`${proc}/uptime`),
      diskstats: new ProcFile(`${proc}/diskstats`),
      // Of the process, since /proc/net is a link to it: its network namespace.
      network: new ProcFile(`${proc}/self/net/dev`),
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
    const sample = this.#samples++;
    const slow = sample % SLOW_EVERY === 0;
    if (sample % RARE_EVERY === 0) this.#readRare();
    if (slow) this.#readSlow();
    const files = this.#files;
    const time = this.#now();
    const stat = files.stat.read();
    const meminfo = files.meminfo.read();
    const loadavg = files.loadavg.read();
    const memory = meminfo === undefined ? undefined : parseMemory(meminfo);
    return {
      time,
      cpuCount: this.#cpuCount,
      cpu: stat === undefined ? undefined : parseCpuTimes(stat),
      load: loadavg === undefined ? undefined : parseLoad(loadavg),
      memory,
      swap: meminfo === undefined ? undefined : parseSwap(meminfo),
      paging: this.#paging,
      disks: parseDisks(files.diskstats.read() ?? '', (name) => this.#disks.has(name)),
      networks: parseNetworks(files.network.read() ?? ''),
      filesystems: this.#filesystems.readings(),
      uptime: this.#uptime === undefined ? undefined : this.#uptime + (time - this.#uptimeAt) / 1000,
      processCount: this.#processCount,
      process: this.#readProcess(),
      container: this.#cgroup?.read(slow, memory?.total),
      pressure: this.#pressure,
      numa: this.#numa,
      infiniband: this.#infiniband,
    };
  }

  close(): void {
    for (const file of Object.values(this.#files)) file.close();
    this.#cgroup?.close();
    this.#pressureFiles.close();
    this.#descendants.close();
  }

  #readProcess(): ProcessReading {
    const usage = this.#own.resourceUsage();
    const status = parseProcessStatus(this.#files.status.read() ?? '');
    return {
      cpuUser: usage.userCPUTime / 1e6,
      cpuSystem: usage.systemCPUTime / 1e6,
      ...status,
      openFiles: this.#openFiles,
      voluntarySwitches: usage.voluntaryContextSwitches,
      involuntarySwitches: usage.involuntaryContextSwitches,
      minorFaults: usage.minorPageFault,
      majorFaults: usage.majorPageFault,
      ...parseProcessIo(this.#files.io.read() ?? ''),
      uptime: this.#own.uptime(),
      children: this.#descendants.read(),
    };
  }

  #readSlow(): void {
    this.#filesystems.refresh();
    const uptime = this.#files.uptime.read();
    this.#uptime = uptime === undefined ? undefined : parseUptime(uptime);
    this.#uptimeAt = this.#now();
    this.#cpuCount = parseCpuCount(once(`${this.#proc}/stat`));
    // The kernel sums it over every CPU: as dear as all the rest on a large machine.
    const vmstat = this.#files.vmstat.read();
    this.#paging = vmstat === undefined ? undefined : parsePaging(vmstat);
    const descriptors = entries(`${this.#proc}/self/fd`)?.length;
    // One of them is the directory that is being read.
    this.#openFiles = descriptors === undefined ? undefined : Math.max(0, descriptors - 1);
    this.#descendants.refresh();
    this.#pressure = this.#pressureFiles.read();
    if (this.#hasInfiniband) this.#infiniband = readInfiniband(this.#sys);
    if (this.#numa.length > 0) this.#numa = readNuma(this.#sys);
  }

  #readRare(): void {
    this.#disks.refresh();
    this.#mounts = parseMounts(once(`${this.#proc}/self/mountinfo`));
    this.#processCount = entries(this.#proc)?.filter((name) => /^\d+$/.test(name)).length;
    this.#hasInfiniband = existsSync(`${this.#sys}/class/infiniband`);
    this.#numa = readNuma(this.#sys);
  }
}

/** A file that is read now and then; empty when it cannot be. */
function once(path: string): string {
  const file = new ProcFile(path);
  const text = file.read();
  file.close();
  return text ?? '';
}

function entries(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch {
    return undefined;
  }
}
