import { parseArgs } from 'node:util';

/** Flags by name, with their defaults: a boolean, a number that the text must be, or a text; undefined is a number or absent. */
type Defaults = Record<string, boolean | number | string | undefined>;
type Flags<T extends Defaults> = {
  [K in keyof T]: T[K] extends boolean
    ? boolean
    : T[K] extends string
      ? string
      : T[K] extends number
        ? number
        : number | undefined;
};
/** Inclusive bounds of a number; `whole` by default. */
interface Bounds {
  from: number;
  to: number;
  whole?: boolean;
}

export const PORT: Bounds = { from: 0, to: 65_535 };
/** How many of something, at most a million. */
export const COUNT: Bounds = { from: 1, to: 1_000_000 };

/**
 * The flags of an example program. One that is unknown or wrong ends the program with one line that says what it
 * expects, and exit code 2.
 *
 * @param bounds of every flag that is a number
 */
export function readFlags<T extends Defaults>(
  defaults: T,
  bounds: Partial<Record<keyof T & string, Bounds>> = {},
): Flags<T> {
  try {
    return parseFlags(process.argv.slice(2), defaults, bounds);
  } catch (error) {
    console.error((error as Error).message);
    return process.exit(2);
  }
}

/** @throws Error for a flag that is unknown or wrong */
export function parseFlags<T extends Defaults>(
  args: string[],
  defaults: T,
  bounds: Partial<Record<keyof T & string, Bounds>> = {},
): Flags<T> {
  const names = Object.keys(defaults);
  const { values, positionals } = parseArgs({
    args,
    strict: false,
    options: Object.fromEntries(
      names.map((name) => [
        name,
        { type: typeof defaults[name] === 'boolean' ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
    allowPositionals: true,
  });
  const read: Record<string, unknown> = { ...defaults };
  for (const [name, value] of Object.entries(values)) {
    if (!names.includes(name))
      throw new Error(`unknown flag --${name}; there are ${names.map((known) => `--${known}`).join(', ')}`);
    read[name] = readFlag(name, value, defaults[name], bounds[name]);
  }
  if (positionals[0] !== undefined) throw new Error(`unexpected ${positionals[0]}; values follow their flag`);
  return read as Flags<T>;
}

function readFlag(
  name: string,
  value: unknown,
  usual: Defaults[string],
  bounds: Bounds | undefined,
): unknown {
  if (typeof usual === 'boolean') {
    if (value === true) return true;
    throw new Error(`--${name} takes no value`);
  }
  if (typeof value !== 'string' || value === '') throw new Error(`--${name} needs a value`);
  if (bounds === undefined) return value;
  const { from, to, whole = true } = bounds;
  const number = Number(value);
  if (!(number >= from && number <= to) || (whole && !Number.isInteger(number)))
    throw new Error(`--${name} must be a ${whole ? 'whole ' : ''}number from ${from} to ${to}, not ${value}`);
  return number;
}
