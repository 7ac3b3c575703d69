import { parseJson } from './json-values.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
/** Values longer than this are no parameter that we read. */
const MAX_VALUE_BYTES = 512;

const isOpening = (byte: number) => byte === 0x7b || byte === 0x5b;
const isClosing = (byte: number) => byte === 0x7d || byte === 0x5d;
const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/**
 * Finds the scalar members of the outermost object of a JSON text of any size, fed in any pieces, in constant
 * memory: strings inside are skipped by searching their end. Not a validator: broken JSON gives what was found.
 */
export class TopLevelScanner {
  /** Members found until now. */
  readonly values: Record<string, unknown> = {};
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Raw bytes of the current scalar or key at depth 1, as one-byte characters. */
  #token = '';
  #tooLong = false;
  #key: string | undefined;

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length) at = this.#inString ? this.#string(bytes, at) : this.#outside(bytes, at);
  }

  #string(bytes: Buffer, from: number): number {
    let at = from;
    if (this.#escaped) {
      this.#escaped = false;
      this.#keep(bytes, at, at + 1);
      return at + 1;
    }
    while (at < bytes.length && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH) at++;
    if (at === bytes.length) {
      this.#keep(bytes, from, at);
      return at;
    }
    this.#keep(bytes, from, at + 1);
    if (bytes[at] === BACKSLASH) this.#escaped = true;
    else this.#inString = false;
    return at + 1;
  }

  #outside(bytes: Buffer, at: number): number {
    const byte = bytes[at] as number;
    if (byte === QUOTE) {
      this.#inString = true;
      this.#keep(bytes, at, at + 1);
    } else if (isOpening(byte)) {
      this.#depth++;
      if (this.#depth > 1) this.#tooLong = true;
      else this.#token = '';
    } else if (isClosing(byte)) {
      if (this.#depth === 1) this.#member();
      this.#depth--;
    } else if (this.#depth === 1) {
      if (byte === COMMA) this.#member();
      else if (byte === COLON) {
        const key = this.#tooLong ? undefined : parseJson(this.#text());
        this.#key = typeof key === 'string' ? key : undefined;
        this.#reset();
      } else if (!isSpace(byte)) this.#keep(bytes, at, at + 1);
    }
    return at + 1;
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    if (this.#depth !== 1 || this.#tooLong) return;
    if (this.#token.length + to - from > MAX_VALUE_BYTES) {
      this.#tooLong = true;
      this.#token = '';
      return;
    }
    this.#token += bytes.toString('latin1', from, to);
  }

  #member(): void {
    if (this.#key !== undefined && !this.#tooLong) {
      const value = parseJson(this.#text());
      if (value !== undefined && this.#key !== '__proto__') this.values[this.#key] = value;
    }
    this.#key = undefined;
    this.#reset();
  }
  #text(): string {
    return Buffer.from(this.#token, 'latin1').toString('utf8');
  }
  #reset(): void {
    this.#token = '';
    this.#tooLong = false;
  }
}
