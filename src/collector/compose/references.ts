/** A reference to an environment variable inside a text of a Collector configuration. */
export interface Reference {
  /** The whole of it, as written. */
  text: string;
  name: string;
  /** What is taken when the variable is unset or empty; undefined: nothing. */
  fallback: string | undefined;
  /** Offset in the text. */
  index: number;
}

/** `${env:NAME}`, `${env:NAME:-default}`, and the same without `env:`; `$$` is a literal `$`. Source: Collector, confmap. */
const REFERENCE = /\$\$|\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

export function findReferences(text: string): Reference[] {
  const found: Reference[] = [];
  for (const match of text.matchAll(REFERENCE)) {
    if (match[1] === undefined) continue;
    found.push({ text: match[0], name: match[1], fallback: match[2], index: match.index });
  }
  return found;
}

/** Puts values in the place of references; one without a value stays as it is. Values are written so that they are not read as references again. */
export function replaceReferences(
  text: string,
  valueOf: (reference: Reference) => string | undefined,
): string {
  return text.replace(
    REFERENCE,
    (whole, name: string | undefined, fallback: string | undefined, index: number) => {
      if (name === undefined) return whole;
      const value = valueOf({ text: whole, name, fallback, index });
      return value === undefined ? whole : value.replaceAll('$', '$$$$');
    },
  );
}
