/**
 * Methods that the convention knows; others are `_OTHER`, so that a scanner cannot make a series out of every word.
 * Source: OpenTelemetry semantic conventions 1.41, `http.request.method`.
 */
export const KNOWN_METHODS = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'CONNECT',
  'TRACE',
  'QUERY',
] as const;

export const OTHER_METHOD = '_OTHER';

const indexes = new Map<string, number>(KNOWN_METHODS.map((method, index) => [method, index]));

/** A small number for a method, for use as a key: its place in the table, or one beyond the table. */
export function methodIndex(method: string): number {
  return indexes.get(method) ?? KNOWN_METHODS.length;
}

/** The method as `http.request.method` says it. */
export function methodName(index: number): string {
  return KNOWN_METHODS[index] ?? OTHER_METHOD;
}
