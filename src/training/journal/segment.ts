import { sealLine } from './record.ts';

export type ResourceMap = Readonly<Record<string, string | number | boolean>>;

/** First line of a segment: whose records follow. All records of a segment belong to one attempt. */
export interface SegmentHeader {
  run: string;
  rank: number;
  /** 1 for the first start of the run, one more for each resume. */
  attempt: number;
  /** `seq` of the first record that the segment was opened for. */
  firstSeq: number;
  /** When the segment was opened, milliseconds since the epoch. */
  time: number;
  /** Resource of its records on the wire. */
  resource: ResourceMap;
}

const FORMAT = 'llm-otel-journal';
const VERSION = 1;

export function encodeHeader(header: SegmentHeader): string {
  const text = JSON.stringify({ format: FORMAT, version: VERSION, ...header });
  return sealLine(text.slice(0, -1));
}

export function decodeHeader(object: Record<string, unknown>): SegmentHeader | undefined {
  if (object['format'] !== FORMAT) return undefined;
  const { run, rank, attempt, firstSeq, time, resource } = object as unknown as SegmentHeader;
  return { run, rank, attempt, firstSeq, time, resource };
}

/** Endings of a segment file: being written or sealed, and sealed and compressed. */
export const COMPRESSIONS = { gzip: '.gz', zstd: '.zst' } as const;
export type Compression = keyof typeof COMPRESSIONS;

/** Names sort in the order of the records. */
export function segmentName(attempt: number, firstSeq: number): string {
  return `${String(attempt).padStart(4, '0')}-${String(firstSeq).padStart(12, '0')}.jsonl`;
}

export interface SegmentFile {
  /** Name without the compression's ending. */
  name: string;
  file: string;
  attempt: number;
  firstSeq: number;
  compression: Compression | undefined;
}

const NAME = /^(\d+)-(\d+)\.jsonl(\.gz|\.zst)?$/;

/** The segments among the names of a folder, in the order of their records; a compressed one replaces its original. */
export function segmentsOf(files: readonly string[]): SegmentFile[] {
  const segments = new Map<string, SegmentFile>();
  for (const file of files) {
    const match = NAME.exec(file);
    if (!match) continue;
    const compression = match[3] === '.gz' ? 'gzip' : match[3] === '.zst' ? 'zstd' : undefined;
    const name = `${match[1]}-${match[2]}.jsonl`;
    if (segments.has(name) && compression === undefined) continue;
    segments.set(name, {
      name,
      file,
      attempt: Number(match[1]),
      firstSeq: Number(match[2]),
      compression,
    });
  }
  return [...segments.values()].sort((a, b) => a.attempt - b.attempt || a.firstSeq - b.firstSeq);
}
