import { anyValueToJson, attributesToJson, rawAttributesToJson } from './any-value-json.ts';
import { jsonDouble } from './json-numbers.ts';
import type { Json } from './json-reader.ts';
import type { Attributes, AttributeValue, OtlpRequest, Temporality } from './model.ts';
import { type Field, type Message, METRIC, METRIC_DATA, REQUEST, TEMPORALITIES } from './schema.ts';
import { nanosecondsOf } from './time.ts';

type Source = Record<string, unknown>;
type JsonObject = { [key: string]: Json };

/**
 * The request as OTLP JSON, an object for `JSON.stringify`: ids in hex, 64-bit integers as strings, enums as
 * numbers, non-finite doubles and -0 as strings (`JSON.stringify` would write null and 0). Defaults are left out.
 */
export function toJson(request: OtlpRequest): JsonObject {
  return messageToJson(REQUEST[request.signal], request as unknown as Source);
}

function messageToJson(message: Message, source: Source): JsonObject {
  const object: JsonObject = {};
  for (const field of message.fields) {
    if (field.readOnly === true) continue;
    const json = fieldToJson(field, source[field.key]);
    if (json !== undefined) object[field.json] = json;
  }
  if (message === METRIC) {
    const member = METRIC_DATA.find((candidate) => candidate.kind === source['kind']);
    if (member !== undefined) object[member.json] = messageToJson(member.message, source);
  }
  return object;
}

/** `undefined` for a default value, which is left out. */
function fieldToJson(field: Field, value: unknown): Json | undefined {
  switch (field.type) {
    case 'string':
    case 'id':
      return value === '' ? undefined : (value as string);
    case 'bool':
      return value === true ? true : undefined;
    case 'uint32':
    case 'enum':
    case 'sint32':
    case 'fixed32':
      return value === 0 ? undefined : (value as number);
    case 'temporality':
      return TEMPORALITIES.indexOf(value as Temporality) || undefined;
    case 'double':
      return field.always === true || !Object.is(value, 0) ? jsonDouble(value as number) : undefined;
    case 'optionalDouble':
      return value === undefined ? undefined : jsonDouble(value as number);
    case 'fixed64':
      return value === 0 ? undefined : String(BigInt(value as number));
    case 'nanoseconds':
      return value === 0n ? undefined : String(value);
    case 'milliseconds':
      return value === 0 ? undefined : String(nanosecondsOf(value as number));
    case 'doubles':
      return list(value as number[], jsonDouble);
    case 'fixed64s':
    case 'uint64s':
      return list(value as number[], (count) => String(BigInt(count)));
    case 'any':
      return value === null ? undefined : anyValueToJson(value as AttributeValue);
    case 'attributes': {
      const attributes = attributesToJson(value as Attributes);
      return attributes.length === 0 ? undefined : attributes;
    }
    case 'rawAttributes':
      return (value as Uint8Array).length === 0 ? undefined : rawAttributesToJson(value as Uint8Array);
    case 'message':
      return messageToJson(field.message as Message, value as Source);
    case 'messages':
      return list(value as Source[], (element) => messageToJson(field.message as Message, element));
    case 'sfixed64':
      return undefined;
    default:
      return field.type satisfies never;
  }
}

function list<T>(values: readonly T[], convert: (value: T) => Json): Json[] | undefined {
  return values.length === 0 ? undefined : values.map(convert);
}
