import { signal } from '@preact/signals';
import type { CatalogueEntry } from '../../../conventions/catalogue.ts';

/**
 * The hub's catalogue of keys, read once at the start. It comes over the API and is not bundled: the table is a
 * tenth of the page's size, and the page speaks of the very entries that the hub computes with.
 */
export const catalogue = signal<ReadonlyMap<string, CatalogueEntry>>(new Map());

export function setCatalogue(entries: readonly CatalogueEntry[]): void {
  catalogue.value = new Map(entries.map((entry) => [entry.key, entry]));
}

/** The entry of a key; of a GPU's key the pattern's, with the index filled in. `undefined` for a key of the user's own. */
export function entryOf(key: string): CatalogueEntry | undefined {
  const found = catalogue.value.get(key);
  if (found !== undefined) return found;
  const index = /^gpu_(\d{1,4})\//.exec(key)?.[1];
  const pattern =
    index === undefined ? undefined : catalogue.value.get(key.replace(/^gpu_\d+/, 'gpu_{index}'));
  if (index === undefined || pattern === undefined) return undefined;
  return JSON.parse(JSON.stringify(pattern).replaceAll('{index}', index)) as CatalogueEntry;
}

/** Metric that a key is computed from, for charts that ask for another view of it. Empty before the catalogue is read. */
export const metricOf = (key: string): string => entryOf(key)?.source.metric ?? '';
