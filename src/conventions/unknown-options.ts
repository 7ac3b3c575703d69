import { nearest } from './nearest.ts';

/** The names of all options of a kind; the type holds the list complete. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/** One message for each option that nobody knows: where, its name, the one that may be meant. */
export function unknownOptions(
  where: string,
  given: object,
  known: Readonly<Record<string, true>>,
): string[] {
  return Object.keys(given)
    .filter((name) => !Object.hasOwn(known, name))
    .map((name) => {
      const meant = nearest(name, Object.keys(known));
      const hint = meant === undefined ? '' : ` Is ${JSON.stringify(meant)} meant?`;
      return `${where} has no option ${JSON.stringify(name)}; it does nothing.${hint}`;
    });
}
