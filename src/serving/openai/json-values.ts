/** Reading of JSON that somebody else wrote: nothing about its shape is taken for granted. */
export type JsonObject = { readonly [key: string]: unknown };

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
/** A string that says something: undefined for the empty one. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
/** The parsed text, or undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
