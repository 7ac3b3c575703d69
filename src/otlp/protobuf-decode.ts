import { emptyAttributes, readAnyValue, readKeyValue } from './any-value.ts';
import type { Attributes, AttributeValue } from './model.ts';
import { readUsualNumberPoint } from './number-point.ts';
import { ProtobufReader, WIRE } from './protobuf-reader.ts';
import { type Field, type Message, METRIC, METRIC_DATA, NUMBER_POINT, TEMPORALITIES } from './schema.ts';

type Target = Record<string, unknown>;

/**
 * Decodes a protobuf message by its table. Unknown fields are skipped, fields may come in any order, repeated
 * scalars packed or not, and a singular field that comes twice is merged or replaced as protobuf asks.
 * Throws `OtlpDecodeError`, never anything else.
 */
export function decodeProtobuf(message: Message, bytes: Uint8Array, maxItems: number): Target {
  const reader = new ProtobufReader(bytes, maxItems);
  const target = message.make();
  readMessage(reader, message, bytes.length, target);
  return target;
}

function readMessage(reader: ProtobufReader, message: Message, end: number, target: Target): void {
  const fields = message.byNumber;
  while (reader.pos < end) {
    const at = reader.pos;
    const tag = reader.tag(end);
    const field = fields[tag >>> 3];
    if (field === undefined) reader.skip(tag, end);
    else readField(reader, message, field, tag, at, end, target);
  }
}

/** Wire type of the fields that have only one. */
const WIRE_TYPE: Partial<Record<Field['type'], number>> = {
  string: WIRE.bytes,
  bool: WIRE.varint,
  uint32: WIRE.varint,
  enum: WIRE.varint,
  temporality: WIRE.varint,
  sint32: WIRE.varint,
  fixed32: WIRE.fixed32,
  double: WIRE.fixed64,
  optionalDouble: WIRE.fixed64,
  sfixed64: WIRE.fixed64,
  fixed64: WIRE.fixed64,
  nanoseconds: WIRE.fixed64,
  milliseconds: WIRE.fixed64,
  id: WIRE.bytes,
  any: WIRE.bytes,
  attributes: WIRE.bytes,
  rawAttributes: WIRE.bytes,
  message: WIRE.bytes,
  messages: WIRE.bytes,
};

function readField(
  reader: ProtobufReader,
  message: Message,
  field: Field,
  tag: number,
  at: number,
  end: number,
  target: Target,
): void {
  const { key } = field;
  const type = WIRE_TYPE[field.type];
  if (type !== undefined && (tag & 7) !== type) reader.expect(tag, type, `${message.name}.${field.json}`);
  switch (field.type) {
    case 'string':
      target[key] = reader.string(end);
      return;
    case 'bool':
      reader.varint(end);
      target[key] = reader.low !== 0 || reader.high !== 0;
      return;
    case 'uint32':
      target[key] = reader.uint32(end);
      return;
    case 'enum':
      target[key] = reader.int32(end);
      return;
    case 'temporality':
      target[key] = TEMPORALITIES[reader.int32(end)] ?? 'unspecified';
      return;
    case 'sint32':
      target[key] = reader.sint32(end);
      return;
    case 'fixed32':
      target[key] = reader.fixed32(end);
      return;
    case 'double':
    case 'optionalDouble':
      target[key] = reader.double(end);
      return;
    case 'sfixed64':
      target[key] = reader.sfixed64(end);
      return;
    case 'fixed64':
      target[key] = reader.fixed64(end);
      return;
    case 'nanoseconds':
      target[key] = reader.bigFixed64(end);
      return;
    case 'milliseconds':
      target[key] = reader.milliseconds(end);
      return;
    case 'id':
      target[key] = readId(reader, end, field, message);
      return;
    case 'doubles':
    case 'fixed64s':
    case 'uint64s':
      readNumbers(reader, message, field, tag, end, target[key] as number[]);
      return;
    case 'any':
      target[key] = readAnyValue(reader, reader.limit(end), 0, target[key] as AttributeValue);
      return;
    case 'attributes':
      readKeyValue(reader, reader.limit(end), 0, target[key] as Attributes);
      return;
    case 'rawAttributes':
      readKeyValue(reader, reader.limit(end), 0, emptyAttributes());
      target[key] = appendRaw(target[key] as Uint8Array, reader.bytes, at, reader.pos);
      return;
    case 'message':
      readMessage(reader, field.message as Message, reader.limit(end), target[key] as Target);
      return;
    case 'messages':
      readElement(reader, field.message as Message, reader.limit(end), target[key] as unknown[]);
      return;
    default:
      field.type satisfies never;
  }
}

function readElement(reader: ProtobufReader, message: Message, end: number, into: unknown[]): void {
  reader.countItem(message.weight);
  if (message === NUMBER_POINT) {
    const usual = readUsualNumberPoint(reader, end);
    if (usual !== undefined) {
      into.push(usual);
      return;
    }
  } else if (message === METRIC) {
    const metric = readMetric(reader, end);
    if (metric !== undefined) into.push(metric);
    return;
  }
  const element = message.make();
  readMessage(reader, message, end, element);
  into.push(element);
}

/** A metric of the model is the message and its `data` member in one; without data it says nothing and is dropped. */
function readMetric(reader: ProtobufReader, end: number): Target | undefined {
  const head = METRIC.make();
  let member: (typeof METRIC_DATA)[number] | undefined;
  let data: Target = {};
  while (reader.pos < end) {
    const at = reader.pos;
    const tag = reader.tag(end);
    const field = METRIC.byNumber[tag >>> 3];
    if (field !== undefined) {
      readField(reader, METRIC, field, tag, at, end, head);
      continue;
    }
    const found = METRIC_DATA.find((candidate) => candidate.number === tag >>> 3);
    if (found === undefined) {
      reader.skip(tag, end);
      continue;
    }
    reader.expect(tag, WIRE.bytes, `Metric.${found.json}`);
    if (found !== member) {
      // Of a oneof the last member stands; the same member twice is merged.
      member = found;
      data = found.message.make();
    }
    readMessage(reader, found.message, reader.limit(end), data);
  }
  return member === undefined ? undefined : { ...head, kind: member.kind, ...data };
}

/** Repeated numbers, packed into one field or one a field: a reader must take both. */
function readNumbers(
  reader: ProtobufReader,
  message: Message,
  field: Field,
  tag: number,
  end: number,
  into: number[],
): void {
  const one = field.type === 'uint64s' ? WIRE.varint : WIRE.fixed64;
  const packed = (tag & 7) === WIRE.bytes;
  if (!packed) reader.expect(tag, one, `${message.name}.${field.json}`);
  const limit = packed ? reader.limit(end) : reader.pos + 1;
  const within = packed ? limit : end;
  while (reader.pos < limit) {
    if (field.type === 'uint64s') into.push(reader.uint64(within));
    else if (field.type === 'fixed64s') into.push(reader.fixed64(within));
    else into.push(reader.double(within));
  }
}

/** Two hex digits of every byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function readId(reader: ProtobufReader, end: number, field: Field, message: Message): string {
  const at = reader.pos;
  const limit = reader.limit(end);
  const size = limit - reader.pos;
  if (size !== 0 && size !== field.size) {
    reader.fail(`${message.name}.${field.json} must have ${field.size} bytes, has ${size}`, at);
  }
  let hex = '';
  let any = 0;
  for (let i = reader.pos; i < limit; i++) {
    const byte = reader.bytes[i] as number;
    any |= byte;
    hex += HEX[byte] as string;
  }
  reader.pos = limit;
  return any === 0 ? '' : hex;
}

/** Grows a run of raw attributes by the field between `start` and `end`: a view while they lie together, else a copy. */
function appendRaw(run: Uint8Array, bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (run.length === 0) return bytes.subarray(start, end);
  if (run.buffer === bytes.buffer && run.byteOffset + run.length === bytes.byteOffset + start) {
    return bytes.subarray(run.byteOffset - bytes.byteOffset, end);
  }
  const joined = new Uint8Array(run.length + end - start);
  joined.set(run);
  joined.set(bytes.subarray(start, end), run.length);
  return joined;
}
