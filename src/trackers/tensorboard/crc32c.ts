/** CRC-32C (Castagnoli polynomial, reflected: 0x82f63b78), the sum that TFRecord files use (RFC 3720, appendix B.4). */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1;
  return rest;
});

/** @returns unsigned 32-bit integer */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let sum = 0xffffffff;
  for (let i = start; i < end; i++)
    sum = (sum >>> 8) ^ (TABLE[(sum ^ (bytes[i] as number)) & 0xff] as number);
  return (sum ^ 0xffffffff) >>> 0;
}

/**
 * The sum as it stands in the file: rotated by 15 bits, plus a constant, so that the sum of bytes that contain sums is
 * no trivial one (TensorFlow, lib/hash/crc32c.h; the same as LevelDB's).
 */
export function maskedCrc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const sum = crc32c(bytes, start, end);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
