/** AnyValue and KeyValue on the protobuf wire (common.proto). */
import { MAX_VALUE_DEPTH } from './limits.ts';
import type { Attributes, AttributeValue } from './model.ts';
import { ProtobufReader, WIRE } from './protobuf-reader.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { ANY_VALUE, KEY_VALUE, LIST_VALUES, NO_BYTES } from './schema.ts';

/** Field number of `attributes` in a NumberDataPoint, the default tag of encoded attribute sets. */
const NUMBER_POINT_ATTRIBUTES = 7;

/** An attribute map whose keys may be anything, `__proto__` too. */
export function emptyAttributes(): Attributes {
  return Object.create(null) as Attributes;
}

function isMap(value: AttributeValue): value is { [key: string]: AttributeValue } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

/**
 * Reads the AnyValue that ends at `end`. `previous` is what an earlier occurrence of the same field gave: lists
 * and maps are merged with it and everything else replaces it, as protobuf asks of a repeated singular field.
 */
export function readAnyValue(
  reader: ProtobufReader,
  end: number,
  depth: number,
  previous: AttributeValue = null,
): AttributeValue {
  if (depth > MAX_VALUE_DEPTH) reader.fail(`AnyValue nested deeper than ${MAX_VALUE_DEPTH}`);
  let value = previous;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case ANY_VALUE.stringValue:
        reader.expect(tag, WIRE.bytes, 'AnyValue.string_value');
        value = reader.string(end);
        break;
      case ANY_VALUE.boolValue:
        reader.expect(tag, WIRE.varint, 'AnyValue.bool_value');
        reader.varint(end);
        value = reader.low !== 0 || reader.high !== 0;
        break;
      case ANY_VALUE.intValue:
        reader.expect(tag, WIRE.varint, 'AnyValue.int_value');
        value = reader.int64(end);
        break;
      case ANY_VALUE.doubleValue:
        reader.expect(tag, WIRE.fixed64, 'AnyValue.double_value');
        value = reader.double(end);
        break;
      case ANY_VALUE.arrayValue: {
        reader.expect(tag, WIRE.bytes, 'AnyValue.array_value');
        const array = Array.isArray(value) ? value : [];
        readArray(reader, reader.limit(end), depth + 1, array);
        value = array;
        break;
      }
      case ANY_VALUE.kvlistValue: {
        reader.expect(tag, WIRE.bytes, 'AnyValue.kvlist_value');
        const map = isMap(value) ? value : emptyAttributes();
        readKeyValueList(reader, reader.limit(end), depth + 1, map);
        value = map;
        break;
      }
      case ANY_VALUE.bytesValue: {
        reader.expect(tag, WIRE.bytes, 'AnyValue.bytes_value');
        const limit = reader.limit(end);
        value = reader.bytes.slice(reader.pos, limit);
        reader.pos = limit;
        break;
      }
      default:
        reader.skip(tag, end);
    }
  }
  return value;
}

function readArray(reader: ProtobufReader, end: number, depth: number, into: AttributeValue[]): void {
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 !== LIST_VALUES) {
      reader.skip(tag, end);
      continue;
    }
    reader.expect(tag, WIRE.bytes, 'ArrayValue.values');
    reader.countItem(1);
    into.push(readAnyValue(reader, reader.limit(end), depth));
  }
}

function readKeyValueList(reader: ProtobufReader, end: number, depth: number, into: Attributes): void {
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 !== LIST_VALUES) {
      reader.skip(tag, end);
      continue;
    }
    reader.expect(tag, WIRE.bytes, 'KeyValueList.values');
    readKeyValue(reader, reader.limit(end), depth, into);
  }
}

/** Reads the KeyValue that ends at `end` into a map; of two equal keys the last one stands. */
export function readKeyValue(reader: ProtobufReader, end: number, depth: number, into: Attributes): void {
  reader.countItem(1);
  let key = '';
  let value: AttributeValue = null;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case KEY_VALUE.key:
        reader.expect(tag, WIRE.bytes, 'KeyValue.key');
        key = reader.string(end);
        break;
      case KEY_VALUE.value:
        reader.expect(tag, WIRE.bytes, 'KeyValue.value');
        value = readAnyValue(reader, reader.limit(end), depth, value);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  into[key] = value;
}

/**
 * Attributes out of wire bytes (`NumberPoint.attributes` and its like): KeyValue messages one after another, each
 * with the tag and length it had in its point. The tags' field numbers do not matter, since each kind of point
 * has its own.
 */
export function decodeAttributes(bytes: Uint8Array): Attributes {
  const attributes = emptyAttributes();
  if (bytes.length === 0) return attributes;
  const reader = new ProtobufReader(bytes, bytes.length);
  const end = bytes.length;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    reader.expect(tag, WIRE.bytes, 'attributes');
    readKeyValue(reader, reader.limit(end), 0, attributes);
  }
  return attributes;
}

/** The wire bytes of attributes; `fieldNumber` is the tag of each KeyValue (7 is that of a number point). */
export function encodeAttributes(attributes: Attributes, fieldNumber = NUMBER_POINT_ATTRIBUTES): Uint8Array {
  const writer = new ProtobufWriter();
  writeAttributes(writer, fieldNumber, attributes);
  return writer.length === 0 ? NO_BYTES : writer.finish();
}

export function writeAttributes(
  writer: ProtobufWriter,
  fieldNumber: number,
  attributes: Attributes,
  depth = 0,
): void {
  for (const key of Object.keys(attributes)) {
    const start = writer.open(fieldNumber);
    writer.string(KEY_VALUE.key, key);
    const valueStart = writer.open(KEY_VALUE.value);
    writeAnyValue(writer, attributes[key] ?? null, depth);
    writer.close(valueStart);
    writer.close(start);
  }
}

/**
 * The fields of one AnyValue. A whole number that is exact goes as an int, any other as a double: the model does
 * not tell 1 from 1.0. A bigint outside 64 bits goes as its decimal string.
 */
export function writeAnyValue(writer: ProtobufWriter, value: AttributeValue, depth: number): void {
  if (depth > MAX_VALUE_DEPTH) throw new RangeError(`OTLP: attribute nested deeper than ${MAX_VALUE_DEPTH}`);
  if (value === null) return;
  switch (typeof value) {
    case 'string':
      writer.string(ANY_VALUE.stringValue, value);
      return;
    case 'boolean':
      writer.varint(ANY_VALUE.boolValue, value ? 1 : 0);
      return;
    case 'number':
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) writer.int64(ANY_VALUE.intValue, value);
      else writer.double(ANY_VALUE.doubleValue, value);
      return;
    case 'bigint':
      if (BigInt.asIntN(64, value) === value) writer.int64(ANY_VALUE.intValue, value);
      else writer.string(ANY_VALUE.stringValue, String(value));
      return;
    default:
      break;
  }
  if (value instanceof Uint8Array) {
    writer.bytes(ANY_VALUE.bytesValue, value);
  } else if (Array.isArray(value)) {
    const start = writer.open(ANY_VALUE.arrayValue);
    for (const element of value) {
      const elementStart = writer.open(LIST_VALUES);
      writeAnyValue(writer, element, depth + 1);
      writer.close(elementStart);
    }
    writer.close(start);
  } else {
    const start = writer.open(ANY_VALUE.kvlistValue);
    writeAttributes(writer, LIST_VALUES, value, depth + 1);
    writer.close(start);
  }
}
