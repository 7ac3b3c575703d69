const NEWLINE = 10;
const SPACE = 32;
const TAB = 9;
const ZERO = 48;

/** The decimal number at `at`, behind spaces and tabs; NaN when there is none. Where it ends is in `numberEnd`. */
export function numberAt(bytes: Uint8Array, length: number, at: number): number {
  let i = at;
  while (i < length && (bytes[i] === SPACE || bytes[i] === TAB)) i++;
  let value = 0;
  const first = i;
  for (; i < length; i++) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  numberEnd = i;
  return i === first ? Number.NaN : value;
}

/** Index behind the number that `numberAt` has read last. */
export let numberEnd = 0;

/**
 * Numbers that stand behind names at the beginnings of lines (`MemTotal:  123 kB`). Where a line stood is remembered: as
 * long as it is still there, nothing is searched for and no text is made. Of a file that is read every second this is
 * what its reading costs in an otherwise idle program, whose caches are cold.
 */
export class NamedNumbers {
  readonly #names: readonly Uint8Array[];
  readonly #at: number[];

  /** @param names As they stand in the file, with what ends them (`MemTotal:`, `usage_usec `). */
  constructor(names: readonly string[]) {
    this.#names = names.map((name) => Buffer.from(name, 'latin1'));
    this.#at = names.map(() => 0);
  }

  /** Number of the name with this index; undefined when the file does not have it. */
  get(bytes: Buffer, length: number, index: number): number | undefined {
    const name = this.#names[index] as Uint8Array;
    let at = this.#at[index] as number;
    if (!standsAt(bytes, length, name, at)) {
      at = find(bytes, length, name);
      if (at < 0) return undefined;
      this.#at[index] = at;
    }
    const value = numberAt(bytes, length, at + name.length);
    return value === value ? value : undefined;
  }
}

function standsAt(bytes: Uint8Array, length: number, name: Uint8Array, at: number): boolean {
  if (at + name.length > length || (at > 0 && bytes[at - 1] !== NEWLINE)) return false;
  for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false;
  return true;
}

function find(bytes: Buffer, length: number, name: Uint8Array): number {
  for (let at = bytes.indexOf(name); at >= 0 && at < length; at = bytes.indexOf(name, at + 1))
    if (standsAt(bytes, length, name, at)) return at;
  return -1;
}
