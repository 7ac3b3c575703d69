import { readdirSync } from 'node:fs';
import { PhysicalDisks } from './disks.ts';
import { type AskSpace, Filesystems } from './filesystems.ts';
import { type Mount, parseMounts } from './mounts.ts';
import { type OwnProcess, ownProcess } from './own-process.ts';
import { parseCpuCount, parseCpuTimes, parseLoad, parseUptime } from './parse-cpu.ts';
import { parseDisks, parseNetworks } from './parse-devices.ts';
import { parseMemory, parsePaging, parseProcessIo, parseProcessStatus, parseSwap } from './parse-memory.ts';
import { ProcFile } from './proc-file.ts';
import type { HostReader, HostSnapshot, ProcessReading } from './snapshot.ts';

/** What costs more or changes slowly is read at every tenth sample. */
const SLOW_EVERY = 10;
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
  now?: () => number;
}

/**
 * Reads a Linux machine from /proc, synchronously: these files lie in memory, and a hop to the thread pool would cost
 * more than the read. Figures are the machine's, also inside of a container.
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
  #samples = 0;
  #cpuCount = 0;
  #processCount: number | undefined;
  #openFiles: number | undefined;

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
    this.#disks = new PhysicalDisks(options.sys ?? '/sys');
    this.#filesystems = new Filesystems({
      paths: options.paths ?? ['/', this.#own.cwd()],
      mounts: () => this.#mounts(),
      ...(options.askSpace && { ask: options.askSpace }),
    });
  }

  read(): HostSnapshot {
    if (this.#samples++ % SLOW_EVERY === 0) this.#readSlow();
    const files = this.#files;
    const time = this.#now();
    const stat = files.stat.read();
    const meminfo = files.meminfo.read();
    const vmstat = files.vmstat.read();
    const loadavg = files.loadavg.read();
    const uptime = files.uptime.read();
    return {
      time,
      cpuCount: this.#cpuCount,
      cpu: stat === undefined ? undefined : parseCpuTimes(stat),
      load: loadavg === undefined ? undefined : parseLoad(loadavg),
      memory: meminfo === undefined ? undefined : parseMemory(meminfo),
      swap: meminfo === undefined ? undefined : parseSwap(meminfo),
      paging: vmstat === undefined ? undefined : parsePaging(vmstat),
      disks: parseDisks(files.diskstats.read() ?? '', (name) => this.#disks.has(name)),
      networks: parseNetworks(files.network.read() ?? ''),
      filesystems: this.#filesystems.readings(),
      uptime: uptime === undefined ? undefined : parseUptime(uptime),
      processCount: this.#processCount,
      process: this.#readProcess(),
    };
  }

  close(): void {
    for (const file of Object.values(this.#files)) file.close();
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
    };
  }

  #readSlow(): void {
    this.#disks.refresh();
    this.#filesystems.refresh();
    const stat = new ProcFile(`${this.#proc}/stat`);
    this.#cpuCount = parseCpuCount(stat.read() ?? '');
    stat.close();
    this.#processCount = entries(this.#proc)?.filter((name) => /^\d+$/.test(name)).length;
    const descriptors = entries(`${this.#proc}/self/fd`)?.length;
    // One of them is the directory that is being read.
    this.#openFiles = descriptors === undefined ? undefined : Math.max(0, descriptors - 1);
  }

  #mounts(): readonly Mount[] {
    const file = new ProcFile(`${this.#proc}/self/mountinfo`);
    const text = file.read();
    file.close();
    return parseMounts(text ?? '');
  }
}

function entries(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch {
    return undefined;
  }
}
