import type { SinkArtifact, SinkLimits, SinkMap, SinkRecord } from '../sink.ts';
import type { RunEndStatus } from '../../conventions/index.ts';
import type { SourceEntry } from './source.ts';

export interface BatchSize {
  /** Entries of the source: what a refused batch is halved by, since an entry may hold no record, or two. */
  readonly entries: number;
  readonly records: number;
  readonly values: number;
  readonly bytes: number;
}

export const DEFAULT_LIMITS = {
  maxRecords: 1000,
  maxValues: 10_000,
  maxBytes: 1024 * 1024,
  minIntervalMs: 0,
  lingerMs: 2000,
  callTimeoutMs: 120_000,
} as const satisfies SinkLimits;

/** What one call of a sink takes. */
export type Portion =
  | {
      readonly kind: 'write';
      readonly records: readonly SinkRecord[];
      readonly lastSeq: number;
      readonly entries: number /** No further record would fit, or what follows is no record. */;
      readonly full: boolean;
      /** The run, or an attempt of it, starts in here: it is opened even when nothing else is sent. */
      readonly starts: boolean;
    }
  | { readonly kind: 'artifact'; readonly artifact: SinkArtifact; readonly lastSeq: number }
  | {
      readonly kind: 'end';
      readonly status: RunEndStatus;
      readonly summary: SinkMap;
      readonly time: number;
      readonly lastSeq: number;
    };

/**
 * The first portion of entries: records up to the sink's limits, or one artifact, or the end. An entry is never split.
 * `keep` chooses and changes records (keys left out, steps skipped). Undefined when there are no entries.
 */
export function nextPortion(
  entries: readonly SourceEntry[],
  size: BatchSize,
  keep: (record: SinkRecord) => SinkRecord | undefined,
): Portion | undefined {
  const first = entries[0];
  if (!first) return undefined;
  if (first.artifact) return { kind: 'artifact', artifact: first.artifact, lastSeq: first.seq };
  if (first.end) return { kind: 'end', ...first.end, lastSeq: first.seq };
  const records: SinkRecord[] = [];
  let values = 0;
  let bytes = 0;
  let count = 0;
  let lastSeq = first.seq;
  let full = false;
  let starts = false;
  for (const entry of entries) {
    if (entry.artifact || entry.end) {
      full = true;
      break;
    }
    const kept = entry.records.map(keep).filter((record) => record !== undefined);
    const more = kept.reduce((sum, record) => sum + valuesOf(record), 0);
    if (
      count > 0 &&
      (count >= size.entries ||
        records.length + kept.length > size.records ||
        values + more > size.values ||
        bytes + entry.size > size.bytes)
    ) {
      full = true;
      break;
    }
    records.push(...kept);
    values += more;
    if (kept.length > 0) bytes += entry.size;
    starts ||= entry.starts === true;
    count++;
    lastSeq = entry.seq;
  }
  full ||= records.length >= size.records || values >= size.values || bytes >= size.bytes;
  return { kind: 'write', records, lastSeq, entries: count, full, starts };
}

/** What a histogram is at most where only numbers are kept (`histogramFigures`). */
const HISTOGRAM_VALUES = 8;

function valuesOf(record: SinkRecord): number {
  if (record.kind === 'histogram') return HISTOGRAM_VALUES;
  return record.kind === 'step' || record.kind === 'system' ? Object.keys(record.values).length : 1;
}
