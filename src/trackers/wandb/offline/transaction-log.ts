import { crc32 } from 'node:zlib';

/**
 * Framing of a `.wandb` file (core/pkg/leveldb of wandb; LevelDB's log format with another checksum): blocks of
 * 32 KiB, the first begins with a header. A record is cut into chunks, each with checksum, length and kind; no chunk
 * crosses a block's end, and fewer than 7 bytes before it are zeros.
 */
const BLOCK = 32 * 1024;
const CHUNK_HEADER = 7;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

/** `:W&B`, the magic number 0xBEE1, version 0. */
export const FILE_HEADER = Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00]);

/** Checksums of the kind bytes alone: the beginning of each chunk's. */
const KIND_SUMS = [0, FULL, FIRST, MIDDLE, LAST].map((kind) => crc32(Buffer.from([kind])));

/** The bytes that records are, when the file has `position` bytes already; its header included when it has none. */
export function frameRecords(records: readonly Uint8Array[], position: number): Buffer {
  const parts: Uint8Array[] = [];
  let at = position;
  const push = (bytes: Uint8Array): void => {
    parts.push(bytes);
    at += bytes.length;
  };
  if (at === 0) push(FILE_HEADER);
  for (const record of records) {
    let rest: Uint8Array | undefined = record;
    let begun = false;
    while (rest) {
      const room = BLOCK - (at % BLOCK);
      if (room < CHUNK_HEADER) {
        push(Buffer.alloc(room));
        continue;
      }
      const payload: Uint8Array = rest.subarray(0, room - CHUNK_HEADER);
      const ends: boolean = payload.length === rest.length;
      push(chunkHeader(begun ? (ends ? LAST : MIDDLE) : ends ? FULL : FIRST, payload));
      push(payload);
      begun = true;
      rest = ends ? undefined : rest.subarray(payload.length);
    }
  }
  return Buffer.concat(parts);
}

/** Plain CRC-32 (IEEE) over kind and payload, little-endian. */
function chunkHeader(kind: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(CHUNK_HEADER);
  header.writeUInt32LE(crc32(payload, KIND_SUMS[kind]), 0);
  header.writeUInt16LE(payload.length, 4);
  header[6] = kind;
  return header;
}
