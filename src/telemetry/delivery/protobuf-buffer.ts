/** Bytes that a length may take while it is not known; what is not needed is closed up. */
type Reserve = 1 | 2 | 4;

const TWO_32 = 0x1_0000_0000;
/** Below this a loop beats the call into the runtime. */
const SHORT = 40;

const HEX = new Uint8Array(128);
for (let i = 0; i < 16; i++) {
  HEX[i.toString(16).charCodeAt(0)] = i;
  HEX[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

/**
 * A growing buffer that protobuf messages are written to in one pass (protobuf encoding guide: varint, I64, LEN,
 * I32). The length of a nested message is reserved and filled in when it is done.
 */
export class ProtobufBuffer {
  #bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  /** What was written; the buffer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Opens a nested message: give the result to `close`. `reserve` is the guess of how long its length will be. */
  open(reserve: Reserve): number {
    this.#room(reserve);
    this.#at += reserve;
    return this.#at;
  }

  close(start: number, reserve: Reserve): void {
    const length = this.#at - start;
    const size = varintSize(length);
    // Here, where all that was written is kept: growing while the length is filled in would lose what follows it.
    this.#room(10);
    if (size !== reserve) {
      this.#bytes.copyWithin(start - reserve + size, start, this.#at);
      this.#at += size - reserve;
    }
    const end = this.#at;
    this.#at = start - reserve;
    this.varint(length);
    this.#at = end;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  /** A whole number from 0 to 2^64, exact to 2^53. */
  varint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest >= TWO_32) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    rest >>>= 0;
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  /** A whole number as int64: negative ones take ten bytes. */
  int64(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    this.#room(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.#bytes[this.#at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  fixed32(value: number): void {
    this.#room(4);
    this.#at = this.#bytes.writeUInt32LE(value, this.#at);
  }

  double(value: number): void {
    this.#room(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** Seconds and nanoseconds as nanoseconds in a fixed64, in parts that a double holds exactly. */
  nanoseconds(seconds: number, nanos: number): void {
    this.#room(8);
    const upper = Math.floor(seconds / 65_536) * 1e9;
    const lower = (seconds % 65_536) * 1e9 + nanos;
    const low = (lower % TWO_32) + (upper % 65_536) * 65_536;
    const high = Math.floor(lower / TWO_32) + Math.floor(upper / 65_536) + Math.floor(low / TWO_32);
    const bytes = this.#bytes;
    let at = this.#at;
    let word = low >>> 0;
    for (let i = 0; i < 2; i++) {
      bytes[at++] = word;
      bytes[at++] = word >>> 8;
      bytes[at++] = word >>> 16;
      bytes[at++] = word >>> 24;
      word = high >>> 0;
    }
    this.#at = at;
  }

  /** Length and bytes of an id in hexadecimal. */
  hex(text: string): void {
    const length = text.length >> 1;
    this.varint(length);
    this.#room(length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < length * 2; i += 2) {
      bytes[at++] = ((HEX[text.charCodeAt(i)] as number) << 4) | (HEX[text.charCodeAt(i + 1)] as number);
    }
    this.#at = at;
  }

  /** Length and UTF-8 bytes of a string. */
  string(text: string): void {
    const { length } = text;
    if (length < SHORT) {
      this.#room(length + 1);
      const bytes = this.#bytes;
      let at = this.#at;
      bytes[at++] = length;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 127) break;
        bytes[at++] = code;
      }
      if (i === length) {
        this.#at = at;
        return;
      }
    }
    const size = Buffer.byteLength(text);
    this.varint(size);
    this.#room(size);
    this.#at += this.#bytes.write(text, this.#at, size, 'utf8');
  }

  /** Length and bytes. */
  blob(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Bytes that are encoded already. */
  raw(source: Uint8Array): void {
    const { length } = source;
    this.#room(length);
    if (length < SHORT) {
      const bytes = this.#bytes;
      let at = this.#at;
      for (let i = 0; i < length; i++) bytes[at++] = source[i] as number;
    } else this.#bytes.set(source, this.#at);
    this.#at += length;
  }

  #room(size: number): void {
    const needed = this.#at + size;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

function varintSize(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  if (value < 2_097_152) return 3;
  return value < 268_435_456 ? 4 : 5;
}
