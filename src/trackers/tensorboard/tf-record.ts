import { maskedCrc32c } from './crc32c.ts';

/** Bytes around a payload: its length with a sum, and a sum after it. */
export const FRAME_BYTES = 16;

/**
 * A record of a TFRecord file: uint64 length, masked CRC-32C of those 8 bytes, payload, masked CRC-32C of the payload,
 * all little-endian (TensorFlow, tutorial "TFRecord and tf.train.Example").
 */
export function tfRecord(payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(payload.length + FRAME_BYTES);
  record.writeUInt32LE(payload.length, 0);
  record.writeUInt32LE(0, 4);
  record.writeUInt32LE(maskedCrc32c(record, 0, 8), 8);
  record.set(payload, 12);
  record.writeUInt32LE(maskedCrc32c(payload), 12 + payload.length);
  return record;
}
