import { OtlpDecodeError } from './decode-error.ts';
import { millisecondsOf } from './time.ts';

/** Protobuf wire types (protobuf encoding guide); 3 and 4 are the groups, which OTLP never uses. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const WIRE_NAMES = ['varint', '64-bit', 'length-delimited', 'group start', 'group end', '32-bit'];

/** Words up to this long are looked up in the string cache. */
const CACHED_LENGTH = 48;
const CACHE_SIZE = 4096;

/**
 * Reads protobuf primitives out of one buffer. Every method takes the end of the message it reads in, and
 * throws `OtlpDecodeError` instead of reading past it, so a hostile length can neither read nor allocate
 * beyond the body.
 */
export class ProtobufReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  pos = 0;
  /** The two halves of the last 64-bit value read. */
  low = 0;
  high = 0;
  private items: number;
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** `maxItems`: most messages and list elements that may be made of the body (each costs far more than its bytes). */
  constructor(bytes: Uint8Array, maxItems: number) {
    // A Buffer's subarray is several times slower than a plain view's.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.items = maxItems;
  }

  /** Counts an element by its weight; throws when the body holds more of them than allowed. */
  countItem(weight: number): void {
    this.items -= weight;
    if (this.items < 0) this.fail('more messages and list elements than one request may hold');
  }

  fail(what: string, at = this.pos): never {
    throw new OtlpDecodeError(`OTLP protobuf: ${what} at byte ${at}`);
  }

  /** Field number and wire type as one number: `number << 3 | type`. */
  tag(end: number): number {
    const at = this.pos;
    this.varint(end);
    if (this.high !== 0) this.fail('field tag is larger than 32 bits', at);
    if (this.low < 8) this.fail('field number 0', at);
    return this.low;
  }

  /** Reads a varint into `low` and `high` (unsigned halves of the 64-bit value). */
  varint(end: number): void {
    const bytes = this.bytes;
    let pos = this.pos;
    if (pos < end) {
      const first = bytes[pos] as number;
      if (first < 0x80) {
        this.low = first;
        this.high = 0;
        this.pos = pos + 1;
        return;
      }
    }
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) this.fail('varint runs past the end of its message');
      const byte = bytes[pos++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else {
        if (byte > 1) this.fail('varint longer than 64 bits');
        high |= bits << 31;
      }
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        this.pos = pos;
        return;
      }
    }
    this.fail('varint longer than 10 bytes');
  }

  /** Low 32 bits of a varint, as protobuf asks of uint32 fields. */
  uint32(end: number): number {
    this.varint(end);
    return this.low;
  }

  /** int32 and enums: negative ones travel as ten bytes. */
  int32(end: number): number {
    this.varint(end);
    return this.low | 0;
  }

  /** Zigzag. */
  sint32(end: number): number {
    this.varint(end);
    return (this.low >>> 1) ^ -(this.low & 1);
  }

  /** int64: a number while that is exact, else a bigint. */
  int64(end: number): number | bigint {
    this.varint(end);
    const value = (this.high | 0) * 4294967296 + this.low;
    if (Number.isSafeInteger(value)) return value;
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low));
  }

  /** uint64 as a number, rounded beyond 2^53. */
  uint64(end: number): number {
    this.varint(end);
    return this.high * 4294967296 + this.low;
  }

  fixed32(end: number): number {
    const pos = this.take(4, end);
    return this.view.getUint32(pos, true);
  }

  /** fixed64 as a number, rounded beyond 2^53. */
  fixed64(end: number): number {
    const pos = this.take(8, end);
    return this.view.getUint32(pos + 4, true) * 4294967296 + this.view.getUint32(pos, true);
  }

  /** sfixed64 as a number, rounded beyond 2^53. */
  sfixed64(end: number): number {
    const pos = this.take(8, end);
    return this.view.getInt32(pos + 4, true) * 4294967296 + this.view.getUint32(pos, true);
  }

  /** fixed64 of nanoseconds as milliseconds. */
  milliseconds(end: number): number {
    const pos = this.take(8, end);
    return millisecondsOf(this.view.getUint32(pos + 4, true), this.view.getUint32(pos, true));
  }

  bigFixed64(end: number): bigint {
    return this.view.getBigUint64(this.take(8, end), true);
  }

  double(end: number): number {
    return this.view.getFloat64(this.take(8, end), true);
  }

  /** Reads a length and gives where the value ends; its bytes start at `pos`. */
  limit(end: number): number {
    const at = this.pos;
    this.varint(end);
    if (this.high !== 0 || this.low > end - this.pos) {
      const length = this.high * 4294967296 + this.low;
      this.fail(`length ${length} is more than the ${end - this.pos} bytes left of its message`, at);
    }
    return this.pos + this.low;
  }

  /**
   * A length-delimited string. Bytes that are not UTF-8 become U+FFFD rather than an error: one broken
   * attribute must not cost a whole batch.
   */
  string(end: number): string {
    const limit = this.limit(end);
    const text = this.text(this.pos, limit);
    this.pos = limit;
    return text;
  }

  private text(start: number, end: number): string {
    const length = end - start;
    if (length === 0) return '';
    const bytes = this.bytes;
    if (length > CACHED_LENGTH) return this.decoder.decode(bytes.subarray(start, end));
    // Names and keys come again and again: the same text gives the same string without decoding.
    let hash = length;
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte > 0x7f) return this.decoder.decode(bytes.subarray(start, end));
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    const slot = (hash ^ (hash >>> 15)) & (CACHE_SIZE - 1);
    const known = cache[slot];
    if (known !== undefined && known.length === length) {
      let i = 0;
      while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
      if (i === length) return known;
    }
    const text = this.decoder.decode(bytes.subarray(start, end));
    cache[slot] = text;
    return text;
  }

  /** Steps over a field that is not known. */
  skip(tag: number, end: number): void {
    const at = this.pos;
    switch (tag & 7) {
      case WIRE.varint:
        this.varint(end);
        return;
      case WIRE.fixed64:
        this.take(8, end);
        return;
      case WIRE.bytes:
        this.pos = this.limit(end);
        return;
      case WIRE.fixed32:
        this.take(4, end);
        return;
      default:
        this.fail(`field ${tag >>> 3} has wire type ${tag & 7}, which OTLP does not use`, at);
    }
  }

  /** Throws unless the wire type is the one that the field must have. */
  expect(tag: number, type: number, name: string): void {
    if ((tag & 7) === type) return;
    const came = WIRE_NAMES[tag & 7] ?? `type ${tag & 7}`;
    this.fail(`${name} (field ${tag >>> 3}) must be ${WIRE_NAMES[type]}, came as ${came}`);
  }

  private take(size: number, end: number): number {
    const pos = this.pos;
    if (end - pos < size) this.fail(`value of ${size} bytes runs past the end of its message`);
    this.pos = pos + size;
    return pos;
  }
}

/** Direct-mapped, so it never grows; filled on use. Holds ASCII words of at most CACHED_LENGTH bytes. */
const cache: (string | undefined)[] = Array.from({ length: CACHE_SIZE });
