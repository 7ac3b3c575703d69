import { decodeHistogramChunk, encodeHistogramChunk } from '../chunks/histogram-chunk.ts';
import { decodeNumberChunk, encodeNumberChunk } from '../chunks/number-chunk.ts';
import { HistogramHead } from './histogram-head.ts';
import { NumberHead } from './number-head.ts';

export type Head = NumberHead | HistogramHead;
export type MetricKind = 'gauge' | 'sum' | 'histogram' | 'exponential_histogram';

/** A metric as identified in the store: same name with another kind or unit is another metric. */
export interface MetricEntry {
  id: number;
  name: string;
  kind: MetricKind;
  unit: string;
  temporality: string;
  monotonic: boolean;
  lastSeen: number;
}

export interface ResourceEntry {
  id: number;
  /** JSON form. */
  attributes: Record<string, unknown>;
  instanceId: string;
  serviceName: string;
  /** Oldest time of a metric point of it that this process took in (about: the first point of each request); Infinity without one. */
  oldest: number;
}

/** The newest sealed chunk of a series: small ones are merged with what comes next. */
export interface Tail {
  id: number;
  n: number;
}

/** A series that this process has met. Its unsealed points stand in heads; what is being sealed in `frozen`. */
export class Series {
  readonly id: number;
  readonly metric: MetricEntry;
  readonly resource: ResourceEntry;
  readonly attributes: Record<string, unknown>;
  /** Newest time ever stored; -Infinity when none. */
  lastTime: number;
  tail: Tail | undefined;
  head: Head | undefined;
  full: Head[] = [];
  frozen: Head[] = [];

  constructor(
    id: number,
    metric: MetricEntry,
    resource: ResourceEntry,
    attributes: Record<string, unknown>,
    lastTime: number,
    tail: Tail | undefined,
  ) {
    this.id = id;
    this.metric = metric;
    this.resource = resource;
    this.attributes = attributes;
    this.lastTime = lastTime;
    this.tail = tail;
  }

  /** All unsealed heads, oldest first (their ranges overlap only when points came out of order). */
  heads(): Head[] {
    return this.head === undefined
      ? [...this.frozen, ...this.full]
      : [...this.frozen, ...this.full, this.head];
  }

  holds(time: number): boolean {
    return this.heads().some((head) => time >= head.first && time <= head.last && head.has(time));
  }

  freeze(): void {
    this.frozen = this.heads();
    this.full = [];
    this.head = undefined;
  }

  /** After a sealing that failed: what was frozen is unsealed again. */
  thaw(): void {
    this.full = [...this.frozen, ...this.full];
    this.frozen = [];
  }
}

/** A chunk as a read gives it; `times` are those kept outside. */
export interface ChunkRow {
  n: number;
  data: Uint8Array;
  times: Uint8Array | null;
}
export const SELECT_CHUNK =
  'SELECT chunk.n, chunk.data, times.data AS times FROM chunk LEFT JOIN times ON times.id = chunk.times';

export function isHistogram(kind: string): boolean {
  return kind === 'histogram' || kind === 'exponential_histogram';
}

/** `timesOutside`: only of number heads. */
export function encodeHead(head: Head, timesOutside: boolean): Buffer {
  return head instanceof NumberHead
    ? encodeNumberChunk(head.columns(), timesOutside)
    : encodeHistogramChunk(head.rows);
}

export function decodeHead(kind: MetricKind, { data, n, times }: ChunkRow): Head {
  return isHistogram(kind)
    ? new HistogramHead(decodeHistogramChunk(data, n))
    : NumberHead.from(decodeNumberChunk(data, n, times));
}

/** `into` gets what `other` has; both of one kind. */
export function mergeHeads(into: Head, other: Head): void {
  if (into instanceof NumberHead && other instanceof NumberHead) into.merge(other);
  else if (into instanceof HistogramHead && other instanceof HistogramHead) into.merge(other);
}
