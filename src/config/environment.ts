/** A `${NAME}` whose variable is not set. It stands in the value's place until it is known whether the value is needed. */
export class UnsetVariable {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * Puts environment variables into a text: `${NAME}`, `${NAME:-default}` (also for an empty variable), `$${` for a
 * literal `${`.
 * @returns the text, or the first variable that is not set and has no default
 */
export function substitute(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): string | UnsetVariable {
  let unset: string | undefined;
  const result = text.replace(REFERENCE, (whole, name: string | undefined, fallback: string | undefined) => {
    if (name === undefined) return '${';
    const value = env[name];
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) unset ??= name;
    return value ?? whole;
  });
  return unset === undefined ? result : new UnsetVariable(unset);
}

export function hasReference(text: string): boolean {
  return text.includes('${');
}
