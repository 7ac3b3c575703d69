import { parseDuration } from '../../conventions/index.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads environment variables. A value that cannot be used never stops the program: it is reported with the
 * variable's name, what was expected and what is used instead.
 */
export class EnvironmentReader {
  readonly env: Environment;
  readonly #warn: (message: string) => void;
  readonly #told = new Set<string>();

  constructor(env: Environment, warn: (message: string) => void) {
    this.env = env;
    this.#warn = warn;
  }

  /** Says it once: a variable that several signals read has one fault, not three. */
  warn(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.#warn(message);
  }

  /** The trimmed value; undefined when unset or blank, which OpenTelemetry treats alike. */
  text(name: string): string | undefined {
    const value = this.env[name]?.trim();
    return value === '' ? undefined : value;
  }

  /** The first of the names that is set, with its value. */
  firstOf(names: readonly string[]): { name: string; value: string } | undefined {
    for (const name of names) {
      const value = this.text(name);
      if (value !== undefined) return { name, value };
    }
    return undefined;
  }

  /** A whole number of at least `min`. */
  integer<F extends number | undefined>(name: string, fallback: F, min: number): number | F {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (Number.isInteger(number) && number >= min) return number;
    return this.#refuse(name, value, `a whole number of at least ${min}`, fallback);
  }

  /** Milliseconds as a number, as OpenTelemetry defines it; `10s` is understood too. Above zero. */
  milliseconds<F extends number | undefined>(names: string | readonly string[], fallback: F): number | F {
    const found = this.firstOf(typeof names === 'string' ? [names] : names);
    if (!found) return fallback;
    const milliseconds = parseDuration(found.value);
    if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
    return this.#refuse(found.name, found.value, 'a number of milliseconds above 0', fallback, ' ms');
  }

  /** `true` in any case is true; OpenTelemetry takes everything else for false, we say so when it is not `false`. */
  flag(name: string): boolean {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined || value === 'false') return false;
    return value === 'true' || this.#refuse(name, value, 'true or false', false);
  }

  /** One of `accepted`. */
  choice<T extends string>(names: string | readonly string[], accepted: readonly T[], fallback: T): T {
    const found = this.firstOf(typeof names === 'string' ? [names] : names);
    if (!found) return fallback;
    const value = found.value.toLowerCase() as T;
    if (accepted.includes(value)) return value;
    return this.#refuse(found.name, found.value, `one of ${accepted.join(', ')}`, fallback);
  }

  /** Comma-separated values, blanks left out; undefined when unset. */
  list(name: string): string[] | undefined {
    return this.text(name)
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  #refuse<F>(name: string, value: string, expected: string, fallback: F, unit = ''): F {
    const instead = fallback === undefined ? 'it is left out' : `${String(fallback)}${unit} is used`;
    this.warn(`${name}=${JSON.stringify(value)} is not ${expected}; ${instead}`);
    return fallback;
  }
}
