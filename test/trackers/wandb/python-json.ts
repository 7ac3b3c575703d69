/**
 * JSON as Python writes it: with bare NaN, Infinity and -Infinity (the W&B server takes and gives those). Strict in
 * everything else: what is no JSON otherwise throws.
 */
export function parsePythonJson(text: string): unknown {
  const marked = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) =>
    token.startsWith('"') ? token : `"\\u0000${token}"`,
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith('\u0000') ? Number(value.slice(1)) : value,
  ) as unknown;
}
