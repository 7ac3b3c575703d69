/** AnyValue and KeyValue in OTLP JSON, to values, to wire bytes, and back. */
import { emptyAttributes } from './any-value.ts';
import { jsonDouble } from './json-numbers.ts';
import type { Json, JsonReader } from './json-reader.ts';
import { MAX_VALUE_DEPTH } from './limits.ts';
import type { Attributes, AttributeValue } from './model.ts';
import { ProtobufReader, WIRE } from './protobuf-reader.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';
import { ANY_VALUE, KEY_VALUE, LIST_VALUES } from './schema.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const KINDS = Object.keys(ANY_VALUE) as (keyof typeof ANY_VALUE)[];

/**
 * The one kind of an AnyValue object that is set; the last one where there are several. `null` means unset as in
 * all of protobuf's JSON, except for a double, where it is NaN.
 */
function kindOf(object: { [key: string]: Json }): keyof typeof ANY_VALUE | undefined {
  let kind: keyof typeof ANY_VALUE | undefined;
  for (const key in object) {
    if (!Object.hasOwn(ANY_VALUE, key)) continue;
    if (object[key] !== null || key === 'doubleValue') kind = key as keyof typeof ANY_VALUE;
  }
  return kind;
}

export function anyValueFromJson(reader: JsonReader, json: Json, depth: number): AttributeValue {
  if (json === null) return null;
  if (depth > MAX_VALUE_DEPTH) reader.fail(`AnyValue nested deeper than ${MAX_VALUE_DEPTH}`);
  const object = reader.object(json);
  const kind = kindOf(object);
  if (kind === undefined) return null;
  const inner = object[kind] as Json;
  reader.enter(kind);
  let value: AttributeValue;
  switch (kind) {
    case 'stringValue':
      value = reader.string(inner);
      break;
    case 'boolValue':
      value = reader.bool(inner);
      break;
    case 'intValue': {
      const exact = reader.integer(inner, INT64_MIN, INT64_MAX);
      const number = Number(exact);
      value = Number.isSafeInteger(number) ? number : exact;
      break;
    }
    case 'doubleValue':
      value = reader.double(inner);
      break;
    case 'bytesValue':
      value = reader.base64(inner);
      break;
    case 'arrayValue': {
      const array: AttributeValue[] = [];
      eachValue(reader, inner, (element) => array.push(anyValueFromJson(reader, element, depth + 1)));
      value = array;
      break;
    }
    default: {
      const map = emptyAttributes();
      eachValue(reader, inner, (element) => keyValueFromJson(reader, element, depth + 1, map));
      value = map;
    }
  }
  reader.leave();
  return value;
}

/** Walks `values` of an ArrayValue or KeyValueList. */
function eachValue(reader: JsonReader, json: Json, visit: (element: Json) => void): void {
  const values = reader.object(json)['values'];
  if (values === undefined || values === null) return;
  reader.enter('values');
  eachElement(reader, values, 1, visit);
  reader.leave();
}

/** Walks an array, counting each element with the weight. */
export function eachElement(
  reader: JsonReader,
  json: Json,
  weight: number,
  visit: (element: Json) => void,
): void {
  const array = reader.array(json);
  for (let i = 0; i < array.length; i++) {
    reader.enter(i);
    reader.countItem(weight);
    visit(array[i] as Json);
    reader.leave();
  }
}

export function keyValueFromJson(reader: JsonReader, json: Json, depth: number, into: Attributes): void {
  const object = reader.object(json);
  const key = keyOf(reader, object);
  reader.enter('value');
  into[key] = anyValueFromJson(reader, object['value'] ?? null, depth);
  reader.leave();
}

function keyOf(reader: JsonReader, object: { [key: string]: Json }): string {
  const key = object['key'];
  if (key === undefined || key === null) return '';
  reader.enter('key');
  const text = reader.string(key);
  reader.leave();
  return text;
}

/** Writes a JSON KeyValue as a protobuf field, kinds kept: what a protobuf sender would have written. */
export function keyValueJsonToWire(
  reader: JsonReader,
  writer: ProtobufWriter,
  fieldNumber: number,
  json: Json,
  depth = 0,
): void {
  const object = reader.object(json);
  const start = writer.open(fieldNumber);
  writer.string(KEY_VALUE.key, keyOf(reader, object));
  const valueStart = writer.open(KEY_VALUE.value);
  reader.enter('value');
  anyValueJsonToWire(reader, writer, object['value'] ?? null, depth);
  reader.leave();
  writer.close(valueStart);
  writer.close(start);
}

function anyValueJsonToWire(reader: JsonReader, writer: ProtobufWriter, json: Json, depth: number): void {
  if (json === null) return;
  if (depth > MAX_VALUE_DEPTH) reader.fail(`AnyValue nested deeper than ${MAX_VALUE_DEPTH}`);
  const object = reader.object(json);
  const kind = kindOf(object);
  if (kind === undefined) return;
  const inner = object[kind] as Json;
  reader.enter(kind);
  switch (kind) {
    case 'stringValue':
      writer.string(ANY_VALUE.stringValue, reader.string(inner));
      break;
    case 'boolValue':
      writer.varint(ANY_VALUE.boolValue, reader.bool(inner) ? 1 : 0);
      break;
    case 'intValue':
      writer.int64(ANY_VALUE.intValue, reader.integer(inner, INT64_MIN, INT64_MAX));
      break;
    case 'doubleValue':
      writer.double(ANY_VALUE.doubleValue, reader.double(inner));
      break;
    case 'bytesValue':
      writer.bytes(ANY_VALUE.bytesValue, reader.base64(inner));
      break;
    case 'arrayValue': {
      const start = writer.open(ANY_VALUE.arrayValue);
      eachValue(reader, inner, (element) => {
        const elementStart = writer.open(LIST_VALUES);
        anyValueJsonToWire(reader, writer, element, depth + 1);
        writer.close(elementStart);
      });
      writer.close(start);
      break;
    }
    default: {
      const start = writer.open(ANY_VALUE.kvlistValue);
      eachValue(reader, inner, (element) =>
        keyValueJsonToWire(reader, writer, LIST_VALUES, element, depth + 1),
      );
      writer.close(start);
    }
  }
  reader.leave();
}

/** The JSON of attributes in the model: a list of KeyValues. Whole numbers go as ints, as on the wire. */
export function attributesToJson(attributes: Attributes): Json[] {
  return Object.keys(attributes).map((key) => ({ key, value: anyValueToJson(attributes[key] ?? null) }));
}

export function anyValueToJson(value: AttributeValue): Json {
  if (value === null) return {};
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? { intValue: String(value) }
        : { doubleValue: jsonDouble(value) };
    case 'bigint':
      return BigInt.asIntN(64, value) === value
        ? { intValue: String(value) }
        : { stringValue: String(value) };
    default:
      break;
  }
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValueToJson) } };
  return { kvlistValue: { values: attributesToJson(value) } };
}

/** The JSON of raw attribute bytes, with the kind of each value as it was on the wire (1.0 stays a double). */
export function rawAttributesToJson(bytes: Uint8Array): Json[] {
  const reader = new ProtobufReader(bytes, bytes.length);
  const list: Json[] = [];
  while (reader.pos < bytes.length) {
    const tag = reader.tag(bytes.length);
    reader.expect(tag, WIRE.bytes, 'attributes');
    list.push(rawKeyValueToJson(reader, reader.limit(bytes.length)));
  }
  return list;
}

function rawKeyValueToJson(reader: ProtobufReader, end: number): Json {
  let key = '';
  let value: Json = {};
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 === KEY_VALUE.key) key = reader.string(end);
    else if (tag >>> 3 === KEY_VALUE.value) value = rawAnyValueToJson(reader, reader.limit(end));
    else reader.skip(tag, end);
  }
  return { key, value };
}

function rawAnyValueToJson(reader: ProtobufReader, end: number): Json {
  let value: Json = {};
  while (reader.pos < end) {
    const tag = reader.tag(end);
    const kind = KINDS.find((name) => ANY_VALUE[name] === tag >>> 3);
    switch (kind) {
      case 'stringValue':
        value = { stringValue: reader.string(end) };
        break;
      case 'boolValue':
        reader.varint(end);
        value = { boolValue: reader.low !== 0 || reader.high !== 0 };
        break;
      case 'intValue':
        value = { intValue: String(reader.int64(end)) };
        break;
      case 'doubleValue':
        value = { doubleValue: jsonDouble(reader.double(end)) };
        break;
      case 'bytesValue': {
        const limit = reader.limit(end);
        value = { bytesValue: Buffer.from(reader.bytes.subarray(reader.pos, limit)).toString('base64') };
        reader.pos = limit;
        break;
      }
      case 'arrayValue':
        value = { arrayValue: { values: rawListToJson(reader, reader.limit(end), rawAnyValueToJson) } };
        break;
      case 'kvlistValue':
        value = { kvlistValue: { values: rawListToJson(reader, reader.limit(end), rawKeyValueToJson) } };
        break;
      default:
        reader.skip(tag, end);
    }
  }
  return value;
}

function rawListToJson(
  reader: ProtobufReader,
  end: number,
  element: (reader: ProtobufReader, end: number) => Json,
): Json[] {
  const values: Json[] = [];
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 === LIST_VALUES) values.push(element(reader, reader.limit(end)));
    else reader.skip(tag, end);
  }
  return values;
}
