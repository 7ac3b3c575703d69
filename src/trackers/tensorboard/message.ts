/**
 * Fields of protocol buffer messages (protobuf.dev, "Encoding"), as far as event files need them. A message is the
 * concatenation of its fields.
 */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;

/** An integer, 64 bits; negative ones in two's complement, as `int64` wants them. */
export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
    let rest = value;
    for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
    bytes.push(rest);
  } else {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
    bytes.push(Number(rest));
  }
  return Buffer.from(bytes);
}

export function intField(number: number, value: number | bigint): Buffer {
  return Buffer.concat([varint((number << 3) | VARINT), varint(value)]);
}

export function doubleField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint((number << 3) | FIXED64), bytes]);
}

/** A text, bytes, or a message of the given fields. */
export function field(number: number, ...content: (string | Uint8Array)[]): Buffer {
  const parts = content.map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint((number << 3) | LENGTH), varint(length), ...parts]);
}
