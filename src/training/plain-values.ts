import type { PlainMap, PlainValue } from './journal/record.ts';

/** A configuration object may hold itself, or a whole model: beyond this depth and length it is cut. */
const MAX_DEPTH = 8;
const MAX_ITEMS = 1000;
const MAX_TEXT = 64 * 1024;

/**
 * Anything as values that a run event can hold: dates as ISO text, big integers as numbers where exact (else text),
 * maps as objects, sets and typed arrays as lists, errors as their message; functions and symbols are left out. Never throws.
 */
export function plainMap(values: unknown): PlainMap {
  const plain = plainValue(values, 0);
  return typeof plain === 'object' && plain !== null && !Array.isArray(plain) ? plain : {};
}

/** Text of any length as text of a bounded one. */
export function plainText(given: unknown): string {
  const text = typeof given === 'string' ? given : String(given);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} [cut: ${text.length} characters]` : text;
}

function plainValue(value: unknown, depth: number): PlainValue | undefined {
  switch (typeof value) {
    case 'string':
      return plainText(value);
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
    case 'object':
      return value === null ? null : plainObject(value, depth);
    default:
      return undefined;
  }
}

function plainObject(value: object, depth: number): PlainValue {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (value instanceof Error) return plainText(`${value.name}: ${value.message}`);
  if (value instanceof URL || value instanceof RegExp) return String(value);
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (
    Array.isArray(value) ||
    value instanceof Set ||
    (ArrayBuffer.isView(value) && Symbol.iterator in value)
  ) {
    const items = [...(value as Iterable<unknown>)];
    return items.slice(0, MAX_ITEMS).map((item) => plainValue(item, depth + 1) ?? null);
  }
  const entries: [string, PlainValue][] = [];
  const pairs: Iterable<[unknown, unknown]> = value instanceof Map ? value : readable(value);
  for (const [key, item] of pairs) {
    if (entries.length >= MAX_ITEMS) break;
    const plain = plainValue(item, depth + 1);
    if (plain !== undefined) entries.push([String(key), plain]);
  }
  return Object.fromEntries(entries);
}

function* readable(value: object): Generator<[string, unknown]> {
  for (const key of Object.keys(value)) {
    let item: unknown;
    try {
      item = (value as Record<string, unknown>)[key];
    } catch {
      // a getter that throws has no value
      continue;
    }
    yield [key, item];
  }
}
