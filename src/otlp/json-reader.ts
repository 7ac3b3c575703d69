import { OtlpDecodeError } from './decode-error.ts';

/** A JSON value; integers too large for a double come as bigints (see `parseJson`). */
export type Json = string | number | bigint | boolean | null | Json[] | { [key: string]: Json };

/** A whole number of 16 digits or more that is not inside a string that looks like one; asks for the slow parser. */
const LONG_INTEGER = /[:[,]\s*-?\d{16,}\s*[,}\]]/;

/**
 * Parses JSON text. OTLP senders may write 64-bit integers as bare numbers: where one is too large for a double,
 * its source text gives a bigint, so that nanoseconds stay exact.
 */
export function parseJson(bytes: Uint8Array): Json {
  const text = new TextDecoder().decode(bytes);
  try {
    if (!LONG_INTEGER.test(text)) return JSON.parse(text) as Json;
    const exact = (_key: string, value: unknown, context?: { source?: string }): unknown =>
      typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
        ? BigInt(context?.source as string)
        : value;
    return JSON.parse(text, exact) as Json;
  } catch (error) {
    // The parser's message quotes the text around the place; the data are not for a log.
    const where = /position \d+/.exec(String(error))?.[0] ?? 'its end';
    throw new OtlpDecodeError(`OTLP JSON: the body is not JSON (wrong at ${where})`);
  }
}

/** Turns JSON values into what a field asks for, and knows the path of the one at hand for its errors. */
export class JsonReader {
  private readonly path: (string | number)[] = [];
  private items: number;

  constructor(maxItems: number) {
    this.items = maxItems;
  }

  enter(step: string | number): void {
    this.path.push(step);
  }

  leave(): void {
    this.path.pop();
  }

  countItem(weight: number): void {
    this.items -= weight;
    if (this.items < 0) this.fail('more messages and list elements than one request may hold');
  }

  fail(what: string): never {
    const path = this.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
    throw new OtlpDecodeError(`OTLP JSON: ${what} at $${path}`);
  }

  private wrong(wanted: string, value: Json): never {
    this.fail(`expected ${wanted}, got ${nameOf(value)}`);
  }

  object(value: Json): { [key: string]: Json } {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.wrong('an object', value);
    return value;
  }

  array(value: Json): Json[] {
    if (!Array.isArray(value)) this.wrong('an array', value);
    return value;
  }

  string(value: Json): string {
    if (typeof value !== 'string') this.wrong('a string', value);
    return value;
  }

  bool(value: Json): boolean {
    if (typeof value !== 'boolean') this.wrong('true or false', value);
    return value;
  }

  /**
   * A double: a number, "NaN", "Infinity", "-Infinity", or a number as a string. `null` is NaN, since
   * OpenTelemetry JS writes every non-finite number so (JSON.stringify).
   */
  double(value: Json): number {
    if (typeof value === 'number') return value;
    if (value === null) return Number.NaN;
    if (typeof value === 'bigint') return Number(value);
    if (typeof value === 'string') {
      if (value === 'NaN') return Number.NaN;
      if (/^-?(Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)$/.test(value)) return Number(value);
    }
    return this.wrong('a number, "NaN", "Infinity" or "-Infinity"', value);
  }

  /** A whole number between bounds (inclusive), as a number or a decimal string. */
  integer(value: Json, min: bigint, max: bigint): bigint {
    let exact: bigint | undefined;
    if (typeof value === 'bigint') exact = value;
    else if (typeof value === 'number' && Number.isInteger(value)) exact = BigInt(value);
    else if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) exact = BigInt(value);
    if (exact === undefined) return this.wrong('an integer, or one as a string', value);
    if (exact < min || exact > max) this.fail(`integer ${exact} is outside ${min} to ${max}`);
    return exact;
  }

  /** As `integer`, with the result as a number; the common cases do without bigints. */
  number(value: Json, min: bigint, max: bigint): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) {
      return value === 0 ? 0 : value;
    }
    return Number(this.integer(value, min, max));
  }

  /** An enum: its number (as a number or string), or its name. */
  enum(value: Json, names: readonly string[]): number {
    if (typeof value === 'string' && !/^-?\d+$/.test(value)) {
      const index = names.indexOf(value);
      if (index < 0) this.fail(`${JSON.stringify(value.slice(0, 60))} is not one of ${names.join(', ')}`);
      return index;
    }
    return this.number(value, -0x8000_0000n, 0x7fff_ffffn);
  }

  /** Hex of exactly `size` bytes in lower case; '' for an empty or all-zero id. */
  id(value: Json, size: number): string {
    const text = this.string(value);
    if (text !== '' && (text.length !== size * 2 || !/^[0-9a-fA-F]+$/.test(text))) {
      this.fail(`expected ${size * 2} hex digits, got ${JSON.stringify(text.slice(0, 60))}`);
    }
    return /^0*$/.test(text) ? '' : text.toLowerCase();
  }

  /** Standard or URL-safe base64, with or without padding. */
  base64(value: Json): Uint8Array {
    const text = this.string(value);
    if (!/^[\w+/-]*={0,2}$/.test(text)) this.fail('expected base64');
    return new Uint8Array(Buffer.from(text, 'base64'));
  }
}

function nameOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return `${typeof value} ${JSON.stringify(String(value).slice(0, 60))}`;
}
