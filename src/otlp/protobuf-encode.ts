import { writeAnyValue, writeAttributes } from './any-value.ts';
import type { Attributes, AttributeValue, OtlpRequest, Temporality } from './model.ts';
import { ProtobufReader, WIRE } from './protobuf-reader.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { type Field, type Message, METRIC, METRIC_DATA, REQUEST, TEMPORALITIES } from './schema.ts';
import { nanosecondsOf } from './time.ts';

type Source = Record<string, unknown>;

/**
 * The protobuf body of an export request. Number points are written as doubles (the model does not keep whether
 * they came as ints), and attribute bytes as they are, under the tag that their kind of point asks for.
 * `decodeRequest` gives the same request back.
 */
export function encodeRequest(request: OtlpRequest): Uint8Array {
  const writer = new ProtobufWriter(4096);
  writeMessage(writer, REQUEST[request.signal], request as unknown as Source);
  return writer.finish();
}

function writeMessage(writer: ProtobufWriter, message: Message, source: Source): void {
  for (const field of message.fields) {
    if (field.readOnly !== true) writeField(writer, field, source[field.key]);
  }
  if (message === METRIC) writeMetricData(writer, source);
}

function writeMetricData(writer: ProtobufWriter, metric: Source): void {
  const member = METRIC_DATA.find((candidate) => candidate.kind === metric['kind']);
  if (member === undefined) return;
  const start = writer.open(member.number);
  writeMessage(writer, member.message, metric);
  writer.close(start);
}

function writeField(writer: ProtobufWriter, field: Field, value: unknown): void {
  const { number } = field;
  switch (field.type) {
    case 'string':
      if (value !== '') writer.string(number, value as string);
      return;
    case 'bool':
      if (value === true) writer.varint(number, 1);
      return;
    case 'uint32':
      if (value !== 0) writer.varint(number, value as number);
      return;
    case 'enum':
      if (value !== 0) writer.int64(number, value as number);
      return;
    case 'temporality': {
      const index = TEMPORALITIES.indexOf(value as Temporality);
      if (index > 0) writer.varint(number, index);
      return;
    }
    case 'sint32':
      if (value !== 0) writer.sint32(number, value as number);
      return;
    case 'fixed32':
      if (value !== 0) writer.fixed32(number, value as number);
      return;
    case 'double':
      // Only +0 is a default: -0 has a bit set.
      if (field.always === true || !Object.is(value, 0)) writer.double(number, value as number);
      return;
    case 'optionalDouble':
      if (value !== undefined) writer.double(number, value as number);
      return;
    case 'fixed64':
      if (value !== 0) writer.fixed64(number, BigInt(value as number));
      return;
    case 'nanoseconds':
      if (value !== 0n) writer.fixed64(number, value as bigint);
      return;
    case 'milliseconds':
      if (value !== 0) writer.fixed64(number, nanosecondsOf(value as number));
      return;
    case 'id':
      if (value !== '') writer.bytes(number, Buffer.from(value as string, 'hex'));
      return;
    case 'doubles':
    case 'fixed64s':
    case 'uint64s':
      writeNumbers(writer, field, value as number[]);
      return;
    case 'any':
      if (value === null) return;
      writeNested(writer, number, () => writeAnyValue(writer, value as AttributeValue, 0));
      return;
    case 'attributes':
      writeAttributes(writer, number, value as Attributes);
      return;
    case 'rawAttributes':
      writeRawAttributes(writer, number, value as Uint8Array);
      return;
    case 'message':
      writeNested(writer, number, () => writeMessage(writer, field.message as Message, value as Source));
      return;
    case 'messages':
      for (const element of value as Source[]) {
        writeNested(writer, number, () => writeMessage(writer, field.message as Message, element));
      }
      return;
    case 'sfixed64':
      return;
    default:
      field.type satisfies never;
  }
}

function writeNested(writer: ProtobufWriter, number: number, write: () => void): void {
  const start = writer.open(number);
  write();
  writer.close(start);
}

/** Repeated numbers go packed, as proto3 asks. */
function writeNumbers(writer: ProtobufWriter, field: Field, values: readonly number[]): void {
  if (values.length === 0) return;
  const start = writer.open(field.number);
  for (const value of values) {
    if (field.type === 'doubles') writer.rawDouble(value);
    else if (field.type === 'fixed64s') writer.rawFixed64(BigInt(value));
    else writer.rawVarint(value);
  }
  writer.close(start);
}

function writeRawAttributes(writer: ProtobufWriter, number: number, bytes: Uint8Array): void {
  const reader = new ProtobufReader(bytes, 0);
  while (reader.pos < bytes.length) {
    const tag = reader.tag(bytes.length);
    reader.expect(tag, WIRE.bytes, 'attributes');
    const limit = reader.limit(bytes.length);
    writer.bytes(number, bytes.subarray(reader.pos, limit));
    reader.pos = limit;
  }
}
