import { readdirSync, readFileSync } from 'node:fs';

/** Bytes. */
export interface NumaReading {
  readonly node: number;
  readonly total: number;
  readonly free: number;
}

/** Memory of each NUMA node, from /sys/devices/system/node; nothing on a machine with one. */
export function readNuma(sys: string): NumaReading[] {
  const root = `${sys}/devices/system/node`;
  let names: string[];
  try {
    names = readdirSync(root).filter((name) => /^node\d+$/.test(name));
  } catch {
    return [];
  }
  if (names.length < 2) return [];
  return names
    .flatMap((name) => {
      try {
        const text = readFileSync(`${root}/${name}/meminfo`, 'latin1');
        const field = (key: string): number =>
          Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(text)?.[1] ?? Number.NaN) * 1024;
        const reading = { node: Number(name.slice(4)), total: field('MemTotal'), free: field('MemFree') };
        return Number.isFinite(reading.total + reading.free) ? [reading] : [];
      } catch {
        return [];
      }
    })
    .toSorted((a, b) => a.node - b.node);
}
