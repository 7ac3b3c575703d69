/**
 * The hot path: a NumberDataPoint as every SDK writes it. Nothing here throws: whatever is not the usual form
 * (and whatever is wrong) makes it give up, and the table-driven reader takes the point from its start.
 */
import type { NumberPoint } from './model.ts';
import type { ProtobufReader } from './protobuf-reader.ts';
import { NO_BYTES } from './schema.ts';
import { millisecondsOf } from './time.ts';

// Tags of metrics.proto NumberDataPoint: field number << 3 | wire type. test/otlp holds them against the table.
const START_TIME = (2 << 3) | 1;
const TIME = (3 << 3) | 1;
const AS_DOUBLE = (4 << 3) | 1;
const AS_INT = (6 << 3) | 1;
const ATTRIBUTES = (7 << 3) | 2;
const FLAGS = (8 << 3) | 0;

const KEY = (1 << 3) | 2;
const VALUE = (2 << 3) | 2;
const STRING_VALUE = (1 << 3) | 2;
const BOOL_VALUE = (2 << 3) | 0;
const INT_VALUE = (3 << 3) | 0;
const DOUBLE_VALUE = (4 << 3) | 1;

/** Reads the point between `reader.pos` and `end` and steps over it, or gives `undefined` and stays. */
export function readUsualNumberPoint(reader: ProtobufReader, end: number): NumberPoint | undefined {
  const { bytes, view } = reader;
  let pos = reader.pos;
  let startTime = 0;
  let time = 0;
  let value = 0;
  let flags = 0;
  let attributesStart = 0;
  let attributesEnd = 0;
  while (pos < end) {
    const tag = bytes[pos] as number;
    if (tag === ATTRIBUTES) {
      const next = usualKeyValueEnd(bytes, pos + 1, end);
      if (next < 0) return undefined;
      if (attributesEnd === 0) attributesStart = pos;
      else if (attributesEnd !== pos) return undefined;
      attributesEnd = next;
      pos = next;
      continue;
    }
    if (tag === FLAGS) {
      const byte = pos + 1 < end ? (bytes[pos + 1] as number) : 0x80;
      if (byte > 0x7f) return undefined;
      flags = byte;
      pos += 2;
      continue;
    }
    if (pos + 9 > end) return undefined;
    switch (tag) {
      case START_TIME:
        startTime = millisecondsOf(view.getUint32(pos + 5, true), view.getUint32(pos + 1, true));
        break;
      case TIME:
        time = millisecondsOf(view.getUint32(pos + 5, true), view.getUint32(pos + 1, true));
        break;
      case AS_DOUBLE:
        value = view.getFloat64(pos + 1, true);
        break;
      case AS_INT:
        value = view.getInt32(pos + 5, true) * 4294967296 + view.getUint32(pos + 1, true);
        break;
      default:
        return undefined;
    }
    pos += 9;
  }
  reader.pos = end;
  const attributes =
    attributesEnd === 0
      ? NO_BYTES
      : new Uint8Array(bytes.buffer, bytes.byteOffset + attributesStart, attributesEnd - attributesStart);
  return { attributes, startTime, time, value, flags };
}

/**
 * End of the KeyValue whose length stands at `pos`, when it is a short key with a short string, boolean, int or
 * double; else -1.
 */
function usualKeyValueEnd(bytes: Uint8Array, pos: number, end: number): number {
  if (pos + 4 > end) return -1;
  const length = bytes[pos] as number;
  const limit = pos + 1 + length;
  if (length > 0x7f || limit > end || bytes[pos + 1] !== KEY) return -1;
  // A length over 0x7f is the first byte of a longer varint; it then fails one of the sums below.
  const value = pos + 3 + (bytes[pos + 2] as number);
  if (value + 2 > limit || bytes[value] !== VALUE) return -1;
  const size = bytes[value + 1] as number;
  if (size < 2 || value + 2 + size !== limit) return -1;
  switch (bytes[value + 2]) {
    case STRING_VALUE:
      return bytes[value + 3] === size - 2 ? limit : -1;
    case BOOL_VALUE:
      return size === 2 && (bytes[value + 3] as number) < 0x80 ? limit : -1;
    case INT_VALUE: {
      // One varint of at most nine bytes that ends where the value does.
      let at = value + 3;
      while (at < limit && (bytes[at] as number) > 0x7f) at++;
      return at === limit - 1 && size < 11 ? limit : -1;
    }
    case DOUBLE_VALUE:
      return size === 9 ? limit : -1;
    default:
      return -1;
  }
}
