import { availableParallelism, cpus, freemem, loadavg, totalmem, uptime } from 'node:os';
import type { DeviceReadings, DeviceSource } from './device-readings.ts';
import { Filesystems } from './filesystems.ts';
import { ownProcess } from './own-process.ts';
import type { CpuTimes, HostReader, HostSnapshot } from './snapshot.ts';

const SLOW_EVERY = 10;

/**
 * Reads any machine with what Node itself knows: CPU, memory, load, file systems and this process. Disks and networks
 * come from `devices` (from a process of its own: they can only be had by starting programs); without it they are left
 * out.
 */
export class PortableReader implements HostReader {
  readonly #devices: DeviceSource | undefined;
  #published: DeviceReadings | undefined;
  readonly #filesystems = new Filesystems({
    paths: [process.platform === 'win32' ? `${ownProcess.cwd().slice(0, 2)}\\` : '/'],
    mounts: () => [],
  });
  #samples = 0;

  constructor(options: { devices?: DeviceSource } = {}) {
    this.#devices = options.devices;
  }

  read(): HostSnapshot {
    const sample = this.#samples++;
    const inTurn = sample % SLOW_EVERY === 0;
    if (inTurn) this.#filesystems.refresh();
    const devices = this.#devices?.latest();
    // What is not new must not have the time of a new reading; what is too old is taken off.
    const details = devices !== this.#published || (devices === undefined && inTurn);
    this.#published = devices;
    const usage = ownProcess.resourceUsage();
    const total = totalmem();
    const free = freemem();
    // Windows has no load average: Node gives zeros.
    const load = process.platform === 'win32' ? undefined : (loadavg() as [number, number, number]);
    return {
      time: performance.now(),
      // File systems answer later: their answer is there with the next sample.
      fresh: { details, slow: sample === 0 || sample % SLOW_EVERY === 1 },
      cpuCount: availableParallelism(),
      cpu: cpuTimes(),
      load,
      memory: {
        total,
        free,
        available: undefined,
        buffers: undefined,
        cached: undefined,
        used: total - free,
      },
      swap: undefined,
      paging: undefined,
      disks: devices?.disks ?? [],
      networks: devices?.networks ?? [],
      filesystems: this.#filesystems.readings(),
      uptime: uptime(),
      processCount: undefined,
      process: {
        cpuUser: usage.userCPUTime / 1e6,
        cpuSystem: usage.systemCPUTime / 1e6,
        residentBytes: ownProcess.residentBytes(),
        virtualBytes: undefined,
        threads: undefined,
        openFiles: undefined,
        voluntarySwitches: usage.voluntaryContextSwitches,
        involuntarySwitches: usage.involuntaryContextSwitches,
        minorFaults: usage.minorPageFault,
        majorFaults: usage.majorPageFault,
        readBytes: undefined,
        writtenBytes: undefined,
        uptime: ownProcess.uptime(),
      },
    };
  }

  close(): void {
    this.#devices?.close();
  }
}

/** `os.cpus()` counts milliseconds. */
function cpuTimes(): CpuTimes {
  const times = { user: 0, nice: 0, system: 0, idle: 0, interrupt: 0 };
  for (const { times: one } of cpus()) {
    times.user += one.user / 1000;
    times.nice += one.nice / 1000;
    times.system += one.sys / 1000;
    times.idle += one.idle / 1000;
    times.interrupt += one.irq / 1000;
  }
  return times;
}
