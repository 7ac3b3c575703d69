import { CATALOGUE, type CatalogueEntry, type CatalogueSource } from '../conventions/index.ts';

/** A catalogue entry whose value may be shown beside a run in a tracker. */
export type SystemEntry = CatalogueEntry & {
  readonly source: Extract<CatalogueSource, { from: 'value' | 'rate' }>;
};

const SYSTEM = /^(system|process|container)\/|^gpu_\{index\}\//;
/** The highest since the last export is one reader's, not a moment's. */
const HIGHEST = /_max(_|$)/;

/** What trackers are shown of host, GPUs and process: the catalogue's keys that have one value at a time. */
export const SYSTEM_ENTRIES: readonly SystemEntry[] = CATALOGUE.filter(
  (entry): entry is SystemEntry =>
    SYSTEM.test(entry.key) &&
    !HIGHEST.test(entry.key) &&
    (entry.source.from === 'value' || entry.source.from === 'rate'),
);

/** How often trackers' own clients sample (MLflow: 10 s, W&B: 15 s). */
export const SYSTEM_SAMPLE_MS = 10_000;
