import type { CpuTimes } from './snapshot.ts';

/** /proc counts CPU time in this unit on every architecture that Node runs on (USER_HZ, `man 7 time`). */
const TICKS_PER_SECOND = 100;

/** First line of /proc/stat (`man 5 proc_stat`): all CPUs together. `guest` is part of `user`, `guest_nice` of `nice`. */
export function parseCpuTimes(text: string): CpuTimes | undefined {
  if (!text.startsWith('cpu ')) return undefined;
  const end = text.indexOf('\n');
  const fields = text
    .slice(4, end < 0 ? undefined : end)
    .trim()
    .split(' ');
  if (fields.length < 4) return undefined;
  const [user, nice, system, idle, iowait, irq, softirq, steal] = fields.map(
    (field) => Number(field) / TICKS_PER_SECOND,
  );
  const times: CpuTimes = { user, nice, system, idle };
  if (iowait !== undefined) times.iowait = iowait;
  if (irq !== undefined) times.interrupt = irq + (softirq ?? 0);
  if (steal !== undefined) times.steal = steal;
  return times;
}

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
