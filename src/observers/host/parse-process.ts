import { numberAt, numberEnd } from './proc-numbers.ts';

/** Page size by the kernel's auxiliary vector (`man 3 getauxval`, AT_PAGESZ = 6); 4096 where it cannot be read. */
export function pageSizeOf(auxv: Buffer | undefined): number {
  for (let at = 0; auxv && at + 16 <= auxv.length; at += 16) {
    if (auxv.readBigUInt64LE(at) === 6n) return Number(auxv.readBigUInt64LE(at + 8));
  }
  return 4096;
}

/** USER_HZ, see parse-cpu.ts. */
const TICKS_PER_SECOND = 100;

/** CPU in seconds, totals since the process started. */
export interface ProcessStat {
  readonly parent: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  readonly cpuUser: number;
  readonly cpuSystem: number;
  readonly threads: number;
  /** Seconds between the start of the machine and that of the process. */
  readonly startedAt: number;
  readonly virtualBytes: number;
  /** Ended, and not yet waited for by its parent. */
  readonly isZombie: boolean;
}

/** /proc/PID/stat (`man 5 proc_pid_stat`). The name may hold spaces and brackets: the fields begin after its last one. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const end = text.lastIndexOf(')');
  if (end < 0) return undefined;
  const fields = text.slice(end + 2).split(' ');
  if (fields.length < 22) return undefined;
  const at = (number: number): number => Number(fields[number - 3]); // as the manual counts them
  const stat = {
    parent: at(4),
    minorFaults: at(10),
    majorFaults: at(12),
    cpuUser: at(14) / TICKS_PER_SECOND,
    cpuSystem: at(15) / TICKS_PER_SECOND,
    threads: at(20),
    startedAt: at(22) / TICKS_PER_SECOND,
    virtualBytes: at(23),
    isZombie: fields[0] === 'Z' || fields[0] === 'X',
  };
  return Number.isFinite(stat.cpuUser + stat.startedAt + stat.parent) ? stat : undefined;
}

/**
 * Resident pages of /proc/PID/statm. Those of /proc/PID/stat are a coarse sum of each CPU's: on a large machine many
 * megabytes off.
 */
export function residentPages(bytes: Uint8Array, length: number): number | undefined {
  numberAt(bytes, length, 0);
  const pages = numberAt(bytes, length, numberEnd);
  return pages === pages ? pages : undefined;
}

/** Context switches of /proc/PID/status. */
export function parseSwitches(text: string): {
  voluntary: number | undefined;
  involuntary: number | undefined;
} {
  const number = (name: string): number | undefined => {
    const value = new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  return {
    voluntary: number('voluntary_ctxt_switches'),
    involuntary: number('nonvoluntary_ctxt_switches'),
  };
}
