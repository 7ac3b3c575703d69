import { createHash } from 'node:crypto';

/** Longest metric and parameter key that MLflow takes (mlflow/utils/validation.py, MAX_ENTITY_KEY_LENGTH). */
const MAX_KEY = 250;
const HASH_LENGTH = 6;
/** Letters and digits of any script, `_ - . / :` and space; `:` is refused by a server on Windows, so it is replaced. */
const FORBIDDEN = /[^\p{L}\p{N}_\-./ ]/gu;

const known = new Map<string, string>();

/**
 * A key as MLflow takes it. Most are; another one is made fit, with a few digits of its hash behind it: two keys never
 * become one, and the same key always becomes the same.
 */
export function mlflowKey(key: string): string {
  let mapped = known.get(key);
  if (mapped === undefined) {
    mapped = map(key);
    if (known.size >= 10_000) known.clear();
    known.set(key, mapped);
  }
  return mapped;
}

function map(key: string): string {
  // the server takes a key for a path and wants it in its shortest form: no empty, `.` or `..` segment
  const fit = key
    .replace(FORBIDDEN, '_')
    .split('/')
    .map((segment) => (/^\.{0,2}$/.test(segment) ? '_' : segment))
    .join('/');
  if (fit === key && key.length <= MAX_KEY) return key;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, HASH_LENGTH);
  return `${cut(fit, MAX_KEY - HASH_LENGTH - 1)}_${hash}`;
}

/** At most `length` UTF-16 units, no half character at the end. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = text.charCodeAt(length - 1);
  return text.slice(0, end >= 0xd800 && end < 0xdc00 ? length - 1 : length);
}
