import { numberAt, numberEnd } from './proc-numbers.ts';
import type { CpuTimes } from './snapshot.ts';

/** /proc counts CPU time in this unit on every architecture that Node runs on (USER_HZ, `man 7 time`). */
const TICKS_PER_SECOND = 100;

/** First line of /proc/stat (`man 5 proc_stat`): all CPUs together. `guest` is part of `user`, `guest_nice` of `nice`. */
export function parseCpuTimes(bytes: Uint8Array, length: number): CpuTimes | undefined {
  for (let i = 0; i < PREFIX.length; i++) if (i >= length || bytes[i] !== PREFIX[i]) return undefined;
  let at = PREFIX.length;
  let fields = 0;
  for (; fields < 8; fields++) {
    const ticks = numberAt(bytes, length, at);
    if (ticks !== ticks) break; // the end of the line: older kernels tell less
    seconds[fields] = ticks / TICKS_PER_SECOND;
    at = numberEnd;
  }
  if (fields < 4) return undefined;
  const times: CpuTimes = { user: seconds[0], nice: seconds[1], system: seconds[2], idle: seconds[3] };
  if (fields > 4) times.iowait = seconds[4];
  if (fields > 5) times.interrupt = (seconds[5] as number) + (fields > 6 ? (seconds[6] as number) : 0);
  if (fields > 7) times.steal = seconds[7];
  return times;
}

const PREFIX = Buffer.from('cpu ', 'latin1');
/** Of the fields; reused. */
const seconds = [0, 0, 0, 0, 0, 0, 0, 0];

/** Logical CPUs that are online: lines `cpu0`, `cpu1` ... of /proc/stat. */
export function parseCpuCount(text: string): number {
  return text.match(/^cpu\d+ /gm)?.length ?? 0;
}

/** Seconds since the machine started, of /proc/uptime. */
export function parseUptime(text: string): number | undefined {
  const seconds = Number.parseFloat(text);
  return Number.isFinite(seconds) ? seconds : undefined;
}

/** /proc/loadavg: averages over 1, 5 and 15 minutes. */
export function parseLoad(text: string): [number, number, number] | undefined {
  const [one, five, fifteen] = text.split(' ', 3).map(Number);
  if (one === undefined || five === undefined || fifteen === undefined) return undefined;
  return Number.isFinite(one + five + fifteen) ? [one, five, fifteen] : undefined;
}
