import { crc32 } from 'node:zlib';
import type { Signal } from '../../../otlp/model.ts';
import type { RequestBody } from '../store.ts';

/** One request as it came, numbered in the order in which it was made durable. */
export interface JournalRecord {
  sequence: number;
  signal: Signal;
  /** Wall clock when it came, ms since the epoch: a replay must not take the silence after a crash for life. */
  arrival: number;
  body: RequestBody;
}

/**
 * Layout, little-endian: magic u32, length of the body u32, CRC-32 of all that follows u32, signal u8,
 * content type u8, two zero bytes, sequence f64, arrival f64, body.
 */
export const HEADER_BYTES = 32;
const MAGIC = 0x314a4f4c; // "LOJ1"
const SIGNALS: readonly Signal[] = ['metrics', 'traces', 'logs'];
const CONTENT_TYPES: readonly RequestBody['contentType'][] = ['application/x-protobuf', 'application/json'];

export function encodeHeader({ sequence, signal, arrival, body }: JournalRecord): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(body.bytes.length, 4);
  header[12] = SIGNALS.indexOf(signal);
  header[13] = CONTENT_TYPES.indexOf(body.contentType);
  header.writeDoubleLE(sequence, 16);
  header.writeDoubleLE(arrival, 24);
  header.writeUInt32LE(crc32(body.bytes, crc32(header.subarray(12))), 8);
  return header;
}

export interface Damage {
  what: string;
  /** The record goes on beyond the end of the file: what a crash leaves. */
  cutOff: boolean;
}
export type ParsedRecord = { record: JournalRecord; next: number } | { damage: Damage };

/** The record at `at` of a segment, or what is wrong with it. */
export function parseRecord(segment: Buffer, at: number): ParsedRecord {
  if (at + HEADER_BYTES > segment.length) return { damage: { what: 'the header is cut off', cutOff: true } };
  if (segment.readUInt32LE(at) !== MAGIC) return { damage: { what: 'no record begins here', cutOff: false } };
  const length = segment.readUInt32LE(at + 4);
  const next = at + HEADER_BYTES + length;
  if (next > segment.length) return { damage: { what: 'the body is cut off', cutOff: true } };
  if (crc32(segment.subarray(at + 12, next)) !== segment.readUInt32LE(at + 8)) {
    return { damage: { what: 'the checksum differs', cutOff: false } };
  }
  const signal = SIGNALS[segment[at + 12]!];
  const contentType = CONTENT_TYPES[segment[at + 13]!];
  if (signal === undefined || contentType === undefined)
    return { damage: { what: 'unknown signal or content type', cutOff: false } };
  return {
    record: {
      sequence: segment.readDoubleLE(at + 16),
      signal,
      arrival: segment.readDoubleLE(at + 24),
      body: { contentType, bytes: segment.subarray(at + HEADER_BYTES, next) },
    },
    next,
  };
}
