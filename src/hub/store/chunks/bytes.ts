/** Growing little-endian byte buffer for chunk bodies. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Room for `count` bytes; returns where it begins. The backing array is valid until the next call. */
  reserve(count: number): { bytes: Uint8Array; at: number } {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, at + count));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = at + count;
    return { bytes: this.#bytes, at };
  }

  put(bytes: Uint8Array): void {
    const room = this.reserve(bytes.length);
    room.bytes.set(bytes, room.at);
  }

  byte(value: number): void {
    const { bytes, at } = this.reserve(1);
    bytes[at] = value;
  }

  double(value: number): void {
    const { at } = this.reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  /** Unsigned LEB128 of a safe integer. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** A view, valid until the writer is used again. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Empties it, keeping its memory. */
  reset(): void {
    this.#length = 0;
  }
}

export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    return this.bytes[this.take(1)]!;
  }

  double(): number {
    return this.#view.getFloat64(this.take(8), true);
  }

  word(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
      if (scale > 2 ** 56) throw new Error('Damaged chunk: a number does not end.');
    }
  }

  /** Skips `count` bytes; returns where they begin. */
  take(count: number): number {
    const at = this.#at;
    if (at + count > this.bytes.length) throw new Error('Damaged chunk: it ends too early.');
    this.#at = at + count;
    return at;
  }
}
