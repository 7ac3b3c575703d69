import { readFileSync } from 'node:fs';

/** Tells the parent of this process from any other that was or will be: boot, id and start time (Linux); undefined elsewhere. */
export function parentProcess(): string | undefined {
  try {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${process.ppid} ${started}`;
  } catch {
    return undefined;
  }
}
