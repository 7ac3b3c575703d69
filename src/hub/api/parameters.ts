import { HttpError, badParameter } from './http-error.ts';
import type { Schema } from './schema.ts';
import { WINDOW_FORMAT, parseWindow } from '../query/window.ts';

/** A query or path parameter: how it is read, and how it is described. */
export interface Parameter<Value> {
  readonly description: string;
  readonly required: boolean;
  /** Of the text in the address. */
  readonly schema: Schema;
  /** What is accepted, for messages. */
  readonly accepted: string;
  /** May it be given several times? Their texts come joined by commas. */
  readonly list?: boolean;
  /** The value when the parameter is absent. */
  readonly fallback: Value;
  /** `undefined` when the text is not acceptable. */
  parse(text: string): Value | undefined;
}
export type Parameters = Readonly<Record<string, Parameter<unknown>>>;
export type ValuesOf<P extends Parameters> = {
  [Name in keyof P]: P[Name] extends Parameter<infer Value> ? Value : never;
};

export function string(description: string): Parameter<string | undefined> {
  return {
    description,
    required: false,
    schema: { type: 'string' },
    accepted: 'a text',
    fallback: undefined,
    parse: (text) => (text === '' ? undefined : text),
  };
}

export function requiredString(description: string): Parameter<string> {
  return {
    description,
    required: true,
    schema: { type: 'string' },
    accepted: 'a text that is not empty',
    fallback: '',
    parse: (text) => (text === '' ? undefined : text),
  };
}

export function integer(description: string, min: number, max: number, fallback: number): Parameter<number> {
  return {
    description,
    required: false,
    schema: { type: 'integer', minimum: min, maximum: max, default: fallback },
    accepted: `a whole number from ${min} to ${max}`,
    fallback,
    parse(text) {
      const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

export function optionalInteger(
  description: string,
  min: number,
  max: number,
): Parameter<number | undefined> {
  const { schema, ...rest } = integer(description, min, max, 0);
  const { default: _, ...described } = schema;
  return { ...rest, schema: described, fallback: undefined };
}

export function number(description: string): Parameter<number | undefined> {
  return {
    description,
    required: false,
    schema: { type: 'number' },
    accepted: 'a number',
    fallback: undefined,
    parse: (text) => finite(text),
  };
}

/** A time: milliseconds since the epoch, or ISO 8601 with a zone. */
export function time(description: string): Parameter<number | undefined> {
  return {
    description: `${description}: milliseconds since the epoch, or an ISO 8601 time`,
    required: false,
    schema: { type: 'string' },
    accepted: 'milliseconds since the epoch, or a time such as 2026-11-24T12:00:00Z',
    fallback: undefined,
    parse(text) {
      const milliseconds =
        finite(text) ?? (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : NaN);
      return Number.isFinite(milliseconds) ? milliseconds : undefined;
    },
  };
}

export function choice<const Values extends readonly string[]>(
  description: string,
  values: Values,
  fallback: Values[number] | undefined,
): Parameter<Values[number] | undefined> {
  return {
    description,
    required: false,
    schema: { type: 'string', enum: values, ...(fallback === undefined ? {} : { default: fallback }) },
    accepted: values.join(', '),
    fallback,
    parse: (text) => values.find((value) => value === text),
  };
}

export function flag(description: string): Parameter<boolean> {
  return {
    description,
    required: false,
    schema: { type: 'boolean', default: false },
    accepted: 'true or false',
    fallback: false,
    parse: (text) =>
      text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : undefined,
  };
}

/** The length of a window, in ms. */
export function window(description: string, fallback: string): Parameter<number> {
  return {
    description: `${description}, such as 1h, 6h, 24h, 7d`,
    required: false,
    schema: { type: 'string', default: fallback },
    accepted: `${WINDOW_FORMAT}, such as 1h, 6h, 24h or 7d`,
    fallback: parseWindow(fallback) as number,
    parse: parseWindow,
  };
}

/** Names separated by commas, or given several times. */
export function list(description: string, most: number): Parameter<string[] | undefined> {
  return {
    description: `${description}; separated by commas`,
    required: false,
    list: true,
    schema: { type: 'string' },
    accepted: `1 to ${most} names separated by commas`,
    fallback: undefined,
    parse(text) {
      const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '');
      return names.length > 0 && names.length <= most ? names : undefined;
    },
  };
}

/** `attr.NAME=value`, any number of them: series or spans that have the attribute. Described once, as `attr.*`. */
export const ATTRIBUTE_PREFIX = 'attr.';

/**
 * Reads the query of an address. Unknown parameters, parameters given twice and values that are not accepted are
 * errors that say so: a misspelled filter must not answer as if there were none.
 */
export function readQuery<P extends Parameters>(
  query: URLSearchParams,
  parameters: P,
  attributes: boolean,
): { values: ValuesOf<P>; where: Record<string, string> } {
  const values: Record<string, unknown> = Object.create(null);
  const where: Record<string, string> = Object.create(null);
  for (const [name, parameter] of Object.entries(parameters)) {
    const given = query.getAll(name);
    if (given.length === 0) {
      if (parameter.required)
        throw new HttpError(
          400,
          'missing_parameter',
          `Parameter \`${name}\` is missing: ${parameter.description}.`,
        );
      values[name] = parameter.fallback;
      continue;
    }
    if (given.length > 1 && !parameter.list) throw badParameter(name, given.join(', '), 'one value');
    const text = given.join(',');
    const value = parameter.parse(text);
    if (value === undefined) throw badParameter(name, text, parameter.accepted);
    values[name] = value;
  }
  for (const [name, value] of query) {
    if (Object.hasOwn(parameters, name)) continue;
    if (attributes && name.startsWith(ATTRIBUTE_PREFIX) && name.length > ATTRIBUTE_PREFIX.length) {
      where[name.slice(ATTRIBUTE_PREFIX.length)] = value;
      continue;
    }
    const known = [...Object.keys(parameters), ...(attributes ? ['attr.NAME'] : [])];
    throw new HttpError(
      400,
      'unknown_parameter',
      `Unknown parameter \`${name.slice(0, 80)}\`; accepted: ${known.length > 0 ? known.join(', ') : 'none'}.`,
    );
  }
  return { values: values as ValuesOf<P>, where };
}

function finite(text: string): number | undefined {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}
