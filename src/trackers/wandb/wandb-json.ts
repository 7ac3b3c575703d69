import type { SinkValue } from '../sink.ts';

/**
 * JSON as W&B reads and writes it in rows and summaries: with bare `NaN`, `Infinity` and `-Infinity` (as Python's
 * `json`), where JSON.stringify would write `null`. `-0` keeps its sign.
 */
export function wandbNumber(value: number): string {
  return Object.is(value, -0) ? '-0.0' : String(value);
}

/** Many numbers at once: JSON.stringify of all of them takes half the time. */
export function wandbNumbers(values: readonly number[]): string[] {
  if (values.length === 0) return [];
  const texts = JSON.stringify(values).slice(1, -1).split(',');
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index];
    // what JSON has no way to write: NaN and infinities are null, -0 is 0
    if (text === 'null' || text === '0') texts[index] = wandbNumber(values[index] as number);
  }
  return texts;
}

export function wandbJson(value: SinkValue): string {
  if (typeof value === 'number') return wandbNumber(value);
  if (Array.isArray(value)) return `[${value.map(wandbJson).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}:${wandbJson(item)}`)
      .join(',')}}`;
  return JSON.stringify(value);
}

const TOKENS = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;
/** Cannot begin a text of W&B: a control character. */
const MARK = '\u0001';

/** @throws SyntaxError when it is no JSON, bare non-finite numbers aside. */
export function parseWandbJson(text: string): SinkValue {
  const marked = text.replaceAll(TOKENS, (token) => (token.startsWith('"') ? token : `"\\u0001${token}"`));
  return JSON.parse(marked, (_key, value: SinkValue) =>
    typeof value === 'string' && value.startsWith(MARK) ? Number(value.slice(1)) : value,
  ) as SinkValue;
}
