import { ProtobufBuffer } from './protobuf-buffer.ts';

/** Encoded attributes that are kept of each name; a name with more values (a path with ids) gains nothing from it. */
const MAX_KEPT_VALUES = 64;
const MAX_KEPT_NAMES = 256;
const MAX_KEPT_LENGTH = 128;

type Value = string | number | boolean;

/**
 * Attributes of spans as protobuf. The same few values come again and again (method, scheme, host, model), so their
 * bytes are kept: copying them costs a fraction of encoding them.
 */
export class AttributeEncoder {
  readonly #tag: number;
  readonly #kept = new Map<string, Map<Value, Uint8Array>>();

  /** `field` is the number of the repeated `KeyValue` in its message. */
  constructor(field: number) {
    this.#tag = (field << 3) | 2;
  }

  write(to: ProtobufBuffer, attributes: object): void {
    const values = attributes as Readonly<Record<string, unknown>>;
    for (const name in values) {
      const value = values[name];
      if (typeof value === 'string' ? value.length <= MAX_KEPT_LENGTH : isKeptNumber(value)) {
        const kept = this.#keptOf(name);
        if (kept) {
          let bytes = kept.get(value as Value);
          if (!bytes && kept.size < MAX_KEPT_VALUES) {
            const own = new ProtobufBuffer(256);
            this.#encode(own, name, value);
            bytes = Uint8Array.from(own.finish());
            kept.set(value as Value, bytes);
          }
          if (bytes) {
            to.raw(bytes);
            continue;
          }
        }
      }
      this.#encode(to, name, value);
    }
  }

  #keptOf(name: string): Map<Value, Uint8Array> | undefined {
    let kept = this.#kept.get(name);
    if (!kept && this.#kept.size < MAX_KEPT_NAMES) {
      kept = new Map();
      this.#kept.set(name, kept);
    }
    return kept;
  }

  #encode(to: ProtobufBuffer, name: string, value: unknown): void {
    to.varint(this.#tag);
    keyValue(to, name, value);
  }
}

/** Whole numbers and booleans; a duration is never the same twice. -0 would be found as 0, which is another value. */
function isKeptNumber(value: unknown): boolean {
  return typeof value === 'boolean' || (Number.isInteger(value) && !Object.is(value, -0));
}

/** A `KeyValue` (OTLP common.proto): key = 1, value = 2. */
function keyValue(to: ProtobufBuffer, name: string, value: unknown): void {
  const start = to.open(1);
  to.byte(0x0a);
  to.string(name);
  to.byte(0x12);
  const inner = to.open(1);
  anyValue(to, value);
  to.close(inner, 1);
  to.close(start, 1);
}

/** An `AnyValue` (OTLP common.proto): string 1, bool 2, int 3, double 4, array 5, key-value list 6, bytes 7. */
function anyValue(to: ProtobufBuffer, value: unknown): void {
  switch (typeof value) {
    case 'string':
      to.byte(0x0a);
      to.string(value);
      return;
    case 'boolean':
      to.byte(0x10);
      to.byte(value ? 1 : 0);
      return;
    case 'number':
      number(to, value);
      return;
    case 'object':
      if (value instanceof Uint8Array) {
        to.byte(0x3a);
        to.blob(value);
      } else if (Array.isArray(value)) array(to, value);
      else if (value !== null) list(to, value);
  }
}

function number(to: ProtobufBuffer, value: number): void {
  if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) {
    to.byte(0x18);
    to.int64(value);
  } else {
    to.byte(0x21);
    to.double(value);
  }
}

function array(to: ProtobufBuffer, values: readonly unknown[]): void {
  to.byte(0x2a);
  const start = to.open(1);
  for (const value of values) {
    to.byte(0x0a);
    const inner = to.open(1);
    anyValue(to, value);
    to.close(inner, 1);
  }
  to.close(start, 1);
}

function list(to: ProtobufBuffer, values: object): void {
  to.byte(0x32);
  const start = to.open(1);
  for (const [name, value] of Object.entries(values)) {
    to.byte(0x0a);
    keyValue(to, name, value);
  }
  to.close(start, 1);
}
