import { NamedNumbers } from './proc-numbers.ts';
import type { MemoryReading, PagingReading, SwapReading } from './snapshot.ts';

/** A number that stands after `name` at the beginning of a line; undefined when there is none. */
function field(text: string, name: string): number | undefined {
  let at = text.startsWith(name) ? 0 : text.indexOf(`\n${name}`);
  if (at < 0) return undefined;
  at += at === 0 && text.startsWith(name) ? name.length : name.length + 1;
  const value = Number.parseInt(text.slice(at, at + 32), 10);
  return Number.isNaN(value) ? undefined : value;
}

const bytes = (kibibytes: number | undefined): number | undefined =>
  kibibytes === undefined ? undefined : kibibytes * 1024;

/** Lines of /proc/meminfo that are read, in this order. */
const MEMORY = new NamedNumbers([
  'MemTotal:',
  'MemFree:',
  'MemAvailable:',
  'Buffers:',
  'Cached:',
  'SReclaimable:',
  'SwapTotal:',
  'SwapFree:',
]);

/**
 * /proc/meminfo (`man 5 proc_meminfo`). `cached` is the page cache and the slab that can be given back; used, free,
 * buffers and cached add up to the total, as `free` shows them.
 */
export function parseMemory(text: Buffer, length: number): MemoryReading | undefined {
  const total = bytes(MEMORY.get(text, length, 0));
  const free = bytes(MEMORY.get(text, length, 1));
  if (total === undefined || free === undefined) return undefined;
  const buffers = bytes(MEMORY.get(text, length, 3)) ?? 0;
  const cached = ((MEMORY.get(text, length, 4) ?? 0) + (MEMORY.get(text, length, 5) ?? 0)) * 1024;
  return {
    total,
    free,
    available: bytes(MEMORY.get(text, length, 2)),
    buffers,
    cached,
    used: Math.max(0, total - free - buffers - cached),
  };
}

/** Of /proc/meminfo. Undefined for a machine without swap. */
export function parseSwap(text: Buffer, length: number): SwapReading | undefined {
  const total = bytes(MEMORY.get(text, length, 6));
  const free = bytes(MEMORY.get(text, length, 7));
  return total && free !== undefined ? { total, free } : undefined;
}

/** /proc/vmstat. */
export function parsePaging(text: string): PagingReading {
  return {
    pagesIn: field(text, 'pswpin '),
    pagesOut: field(text, 'pswpout '),
    faults: field(text, 'pgfault '),
    majorFaults: field(text, 'pgmajfault '),
  };
}

/** /proc/PID/status: memory in bytes. */
export function parseProcessStatus(text: string): {
  residentBytes: number | undefined;
  virtualBytes: number | undefined;
  threads: number | undefined;
} {
  return {
    residentBytes: bytes(field(text, 'VmRSS:')),
    virtualBytes: bytes(field(text, 'VmSize:')),
    threads: field(text, 'Threads:'),
  };
}

/** /proc/self/io: what really went to and came from disks. */
export function parseProcessIo(text: string): {
  readBytes: number | undefined;
  writtenBytes: number | undefined;
} {
  return { readBytes: field(text, 'read_bytes:'), writtenBytes: field(text, 'write_bytes:') };
}
