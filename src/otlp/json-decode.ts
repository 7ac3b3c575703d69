import { anyValueFromJson, eachElement, keyValueFromJson, keyValueJsonToWire } from './any-value-json.ts';
import { type Json, JsonReader, parseJson } from './json-reader.ts';
import type { Attributes } from './model.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import {
  type Field,
  type Message,
  METRIC,
  METRIC_DATA,
  NO_BYTES,
  TEMPORALITIES,
  TEMPORALITY_NAMES,
} from './schema.ts';
import { millisecondsOf } from './time.ts';

type Target = Record<string, unknown>;
const UINT32_MAX = 0xffff_ffffn;
const UINT64_MAX = 2n ** 64n - 1n;
const INT32_MIN = -0x8000_0000n;
const INT32_MAX = 0x7fff_ffffn;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Decodes OTLP JSON by the message's table: lowerCamelCase keys only, unknown keys ignored, `null` = unset
 * (a double: NaN). Source: opentelemetry-proto 1.11 docs/specification.md "JSON Protobuf Encoding".
 * Throws `OtlpDecodeError`, never anything else.
 */
export function decodeJson(message: Message, bytes: Uint8Array, maxItems: number): Target {
  const reader = new JsonReader(maxItems);
  const target = message.make();
  readMessage(reader, message, parseJson(bytes), target);
  return target;
}

function readMessage(reader: JsonReader, message: Message, json: Json, target: Target): void {
  const object = reader.object(json);
  for (const field of message.fields) {
    const value = object[field.json];
    if (value === undefined || (value === null && field.type !== 'double')) continue;
    reader.enter(field.json);
    readField(reader, field, value, target);
    reader.leave();
  }
}

function readField(reader: JsonReader, field: Field, json: Json, target: Target): void {
  const { key } = field;
  switch (field.type) {
    case 'string':
      target[key] = reader.string(json);
      return;
    case 'bool':
      target[key] = reader.bool(json);
      return;
    case 'uint32':
    case 'fixed32':
      target[key] = reader.number(json, 0n, UINT32_MAX);
      return;
    case 'enum':
      target[key] = reader.enum(json, field.names ?? []);
      return;
    case 'temporality':
      target[key] = TEMPORALITIES[reader.enum(json, TEMPORALITY_NAMES)] ?? 'unspecified';
      return;
    case 'sint32':
      target[key] = reader.number(json, INT32_MIN, INT32_MAX);
      return;
    case 'double':
    case 'optionalDouble':
      target[key] = reader.double(json);
      return;
    case 'sfixed64':
      target[key] = reader.number(json, INT64_MIN, INT64_MAX);
      return;
    case 'fixed64':
      target[key] = reader.number(json, 0n, UINT64_MAX);
      return;
    case 'nanoseconds':
      target[key] = reader.integer(json, 0n, UINT64_MAX);
      return;
    case 'milliseconds':
      target[key] = milliseconds(reader.integer(json, 0n, UINT64_MAX));
      return;
    case 'id':
      target[key] = reader.id(json, field.size as number);
      return;
    case 'doubles':
      eachElement(reader, json, 1, (element) => (target[key] as number[]).push(reader.double(element)));
      return;
    case 'fixed64s':
    case 'uint64s':
      eachElement(reader, json, 1, (element) =>
        (target[key] as number[]).push(reader.number(element, 0n, UINT64_MAX)),
      );
      return;
    case 'any':
      target[key] = anyValueFromJson(reader, json, 0);
      return;
    case 'attributes':
      eachElement(reader, json, 1, (element) =>
        keyValueFromJson(reader, element, 0, target[key] as Attributes),
      );
      return;
    case 'rawAttributes':
      target[key] = rawAttributes(reader, field, json);
      return;
    case 'message':
      readMessage(reader, field.message as Message, json, target[key] as Target);
      return;
    case 'messages':
      eachElement(reader, json, (field.message as Message).weight, (element) =>
        readElement(reader, field.message as Message, element, target[key] as unknown[]),
      );
      return;
    default:
      field.type satisfies never;
  }
}

function milliseconds(nanoseconds: bigint): number {
  return millisecondsOf(Number(nanoseconds >> 32n), Number(nanoseconds & 0xffff_ffffn));
}

function rawAttributes(reader: JsonReader, field: Field, json: Json): Uint8Array {
  const writer = new ProtobufWriter();
  eachElement(reader, json, 1, (element) => keyValueJsonToWire(reader, writer, field.number, element));
  return writer.length === 0 ? NO_BYTES : writer.finish();
}

function readElement(reader: JsonReader, message: Message, json: Json, into: unknown[]): void {
  if (message === METRIC) {
    readMetric(reader, json, into);
    return;
  }
  const element = message.make();
  readMessage(reader, message, json, element);
  into.push(element);
}

/** See the protobuf reader: a metric without data says nothing and is dropped; of several members the last stands. */
function readMetric(reader: JsonReader, json: Json, into: unknown[]): void {
  const object = reader.object(json);
  const head = METRIC.make();
  readMessage(reader, METRIC, json, head);
  const member = METRIC_DATA.findLast(
    (candidate) => object[candidate.json] !== undefined && object[candidate.json] !== null,
  );
  if (member === undefined) return;
  const data = member.message.make();
  reader.enter(member.json);
  readMessage(reader, member.message, object[member.json] as Json, data);
  reader.leave();
  into.push({ ...head, kind: member.kind, ...data });
}
