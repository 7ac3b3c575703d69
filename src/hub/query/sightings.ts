import type { SeriesIdentity } from '../store/store.ts';
import type { Sighting } from './increase.ts';

type Timed = SeriesIdentity & { times: ArrayLike<number> };

/**
 * For each series of one instrument, when the other series of its resource were seen. A series that first appears
 * in a process that was already reporting (the first error of a server that has run for days) began at zero.
 */
export function sightings(all: readonly Timed[]): Sighting[] {
  const byResource = new Map<string, Timed[]>();
  const keys = all.map((series) => resourceKey(series.resource));
  all.forEach((series, i) => {
    const key = keys[i] as string;
    const family = byResource.get(key);
    if (family) family.push(series);
    else byResource.set(key, [series]);
  });
  return all.map(({ resourceSince }, i) => ({
    since: resourceSince,
    before(time) {
      let newest: number | undefined;
      for (const series of byResource.get(keys[i] as string) ?? []) {
        const seen = newestBefore(series.times, time);
        if (seen !== undefined && (newest === undefined || seen > newest)) newest = seen;
      }
      return newest;
    },
  }));
}

/** Two series come from the same process when their resources are equal, whatever the order of the attributes. */
export function resourceKey(resource: Record<string, unknown>): string {
  return Object.keys(resource)
    .sort()
    .map((name) => `${name}=${String(resource[name])}`)
    .join('\n');
}

function newestBefore(times: ArrayLike<number>, time: number): number | undefined {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? times[low - 1] : undefined;
}
