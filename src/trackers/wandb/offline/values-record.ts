/** Fields of HistoryItem, SummaryItem and StatsItem (wandb_internal.proto): `key` 1, `value_json` 16. */
const KEY_TAG = (1 << 3) | 2;
const VALUE_TAG = [0x82, 0x01] as const;
const MAX_CACHED_KEYS = 10_000;
/** Characters; a number has at most 24. */
const SHORT = 32;

/**
 * Encodes the many small records of a run, each of them items of key and JSON: one pass into memory that is kept,
 * since there is one a step.
 */
export class ValuesEncoder {
  #buffer = Buffer.allocUnsafe(4096);
  #length = 0;
  /** Field `key` of each key, encoded. */
  readonly #keys = new Map<string, Buffer>();

  /**
   * A `Record` with one message in `recordField` that has an item in `itemField` for each value, after `head` (fields
   * that are encoded already). Values are JSON.
   */
  record(
    recordField: number,
    itemField: number,
    values: Iterable<readonly [key: string, json: string]>,
    head?: Uint8Array,
  ): Buffer {
    this.#length = 0;
    if (head) this.#bytes(head);
    for (const [key, json] of values) {
      const keyField = this.#key(key);
      const jsonLength = isShortAscii(json) ? json.length : Buffer.byteLength(json);
      const size = keyField.length + VALUE_TAG.length + varintSize(jsonLength) + jsonLength;
      this.#reserve(size + 12);
      this.#varint((itemField << 3) | 2);
      this.#varint(size);
      this.#bytes(keyField);
      this.#buffer[this.#length++] = VALUE_TAG[0];
      this.#buffer[this.#length++] = VALUE_TAG[1];
      this.#varint(jsonLength);
      this.#text(json, jsonLength);
    }
    const body = this.#buffer.subarray(0, this.#length);
    const start = Buffer.allocUnsafe(varintSize((recordField << 3) | 2) + varintSize(body.length));
    let at = writeVarint(start, 0, (recordField << 3) | 2);
    at = writeVarint(start, at, body.length);
    return Buffer.concat([start.subarray(0, at), body]);
  }

  #key(key: string): Buffer {
    let found = this.#keys.get(key);
    if (!found) {
      const text = Buffer.from(key);
      found = Buffer.allocUnsafe(1 + varintSize(text.length) + text.length);
      found[0] = KEY_TAG;
      text.copy(found, writeVarint(found, 1, text.length));
      if (this.#keys.size < MAX_CACHED_KEYS) this.#keys.set(key, found);
    }
    return found;
  }

  #text(text: string, bytes: number): void {
    // a call into the runtime costs more than the few characters of a number
    if (bytes === text.length && bytes <= SHORT)
      for (let index = 0; index < bytes; index++) this.#buffer[this.#length++] = text.charCodeAt(index);
    else this.#length += this.#buffer.write(text, this.#length);
  }

  #varint(value: number): void {
    this.#length = writeVarint(this.#buffer, this.#length, value);
  }

  #bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function isShortAscii(text: string): boolean {
  if (text.length > SHORT) return false;
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return false;
  return true;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest >>>= 7) size++;
  return size;
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 127; rest >>>= 7) buffer[at++] = (rest & 127) | 128;
  buffer[at++] = rest;
  return at;
}
