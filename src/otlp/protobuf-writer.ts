import { WIRE } from './protobuf-reader.ts';

/** Writes protobuf fields into a buffer that grows. Messages are opened and closed; their length is put in at the close. */
export class ProtobufWriter {
  /** Bytes written so far. */
  length = 0;
  private buffer: Uint8Array;
  private view: DataView;
  private readonly encoder = new TextEncoder();

  constructor(size = 256) {
    this.buffer = new Uint8Array(size);
    this.view = new DataView(this.buffer.buffer);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  /** Starts a length-delimited field; give what it returns to `close`. */
  open(field: number): number {
    this.tag(field, WIRE.bytes);
    this.reserve(1);
    return ++this.length;
  }

  close(start: number): void {
    const size = this.length - start;
    let extra = 0;
    for (let rest = size; rest > 0x7f; rest = Math.floor(rest / 128)) extra++;
    if (extra > 0) {
      this.reserve(extra);
      this.buffer.copyWithin(start + extra, start, this.length);
      this.length += extra;
    }
    let rest = size;
    for (let at = start - 1; at < start + extra; at++) {
      const more = at < start + extra - 1;
      this.buffer[at] = (rest & 0x7f) | (more ? 0x80 : 0);
      rest >>>= 7;
    }
  }

  tag(field: number, type: number): void {
    this.rawVarint(field * 8 + type);
  }

  /** An unsigned varint up to 2^53. */
  varint(field: number, value: number): void {
    this.tag(field, WIRE.varint);
    this.rawVarint(value);
  }

  /** int64 as a varint: negative numbers take ten bytes. */
  int64(field: number, value: number | bigint): void {
    this.tag(field, WIRE.varint);
    if (typeof value === 'number' && value >= 0) {
      this.rawVarint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    this.reserve(10);
    while (rest > 0x7fn) {
      this.buffer[this.length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.length++] = Number(rest);
  }

  sint32(field: number, value: number): void {
    this.varint(field, ((value << 1) ^ (value >> 31)) >>> 0);
  }

  fixed32(field: number, value: number): void {
    this.tag(field, WIRE.fixed32);
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  fixed64(field: number, value: bigint): void {
    this.tag(field, WIRE.fixed64);
    this.rawFixed64(value);
  }

  double(field: number, value: number): void {
    this.tag(field, WIRE.fixed64);
    this.rawDouble(value);
  }

  string(field: number, value: string): void {
    const start = this.open(field);
    // Three bytes at most for each UTF-16 unit.
    this.reserve(value.length * 3);
    const { written } = this.encoder.encodeInto(value, this.buffer.subarray(this.length));
    this.length += written;
    this.close(start);
  }

  bytes(field: number, value: Uint8Array): void {
    this.tag(field, WIRE.bytes);
    this.rawVarint(value.length);
    this.raw(value);
  }

  /** Bytes as they are, with no tag. */
  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  rawVarint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[this.length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.length++] = rest;
  }

  rawFixed64(value: bigint): void {
    this.reserve(8);
    this.view.setBigUint64(this.length, value, true);
    this.length += 8;
  }

  rawDouble(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  private reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}
