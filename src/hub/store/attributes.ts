import type { Attributes, AttributeValue } from '../../otlp/model.ts';
import type { JsonValue } from '../../conventions/index.ts';

/**
 * Attributes as JSON: non-finite numbers as their names, integers beyond 2^53 as decimal strings, bytes as
 * base64. `undefined` never appears.
 */
export function toJson(value: AttributeValue): JsonValue {
  switch (typeof value) {
    case 'number':
      return numberToJson(value);
    case 'bigint':
      return bigintToJson(value);
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array)
        return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64');
      if (Array.isArray(value)) return value.map(toJson);
      return attributesToJson(value);
    default:
      return value;
  }
}

export function attributesToJson(attributes: Attributes): Record<string, JsonValue> {
  const json: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
  for (const key of Object.keys(attributes)) json[key] = toJson(attributes[key]!);
  return json;
}

export function numberToJson(value: number): number | 'NaN' | 'Infinity' | '-Infinity' {
  return Number.isFinite(value) ? value : (String(value) as 'NaN' | 'Infinity' | '-Infinity');
}

export function numberFromJson(value: number | string): number {
  return typeof value === 'number' ? value : Number(value);
}

function bigintToJson(value: bigint): JsonValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** JSON text with keys sorted: equal for attribute sets that are equal in any order. */
export function canonicalText(attributes: Attributes): string {
  const json: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
  for (const key of Object.keys(attributes).sort()) json[key] = sorted(toJson(attributes[key]!));
  return JSON.stringify(json);
}

function sorted(value: JsonValue): JsonValue {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(sorted);
  const json = Object.create(null) as Record<string, JsonValue>;
  for (const key of Object.keys(value).sort()) json[key] = sorted(value[key]!);
  return json;
}

/** A filter value against an attribute, compared as strings (DESIGN: `attr.k=v`). */
export function matches(
  where: readonly (readonly [string, string])[],
  attributes: Record<string, unknown>,
  otherwise?: Record<string, unknown>,
): boolean {
  for (const [key, wanted] of where) {
    if (textOfEither(key, attributes, otherwise) !== wanted) return false;
  }
  return true;
}

/** An attribute of the first that has it, as a filter compares it; `undefined` when neither has. */
export function textOfEither(
  key: string,
  attributes: Record<string, unknown>,
  otherwise?: Record<string, unknown>,
): string | undefined {
  const holder = Object.hasOwn(attributes, key) ? attributes : otherwise;
  const value = holder !== undefined && Object.hasOwn(holder, key) ? holder[key] : undefined;
  return value === undefined ? undefined : asText(value);
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A string attribute, or a scalar one as text; `undefined` when absent. */
export function textOf(value: AttributeValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : asText(toJson(value));
}

/** A numeric attribute, also from a decimal string (foreign senders); `undefined` otherwise. */
export function numberOf(value: AttributeValue | undefined): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' && value.trim() !== '') {
    const number = Number(value);
    if (!Number.isNaN(number) || value === 'NaN') return number;
  }
  return undefined;
}
