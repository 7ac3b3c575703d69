import type { SeriesIdentity, Store } from '../store/store.ts';

/** The part of the store that queries read. */
export type Reading = Pick<Store, 'runs' | 'run' | 'series' | 'instruments' | 'points' | 'histograms'>;

/**
 * Reads each thing once: tiles, or the parts of a summary, that look at the same metric over the same time share
 * one read. For one evaluation; it never forgets.
 */
export function shared(store: Reading): Reading {
  return sharing(store, () => {});
}

/**
 * Those who ask the same while it is being read get the same answer: three percentiles of one histogram are one
 * read. Answers are not to be changed.
 */
export function sharedInFlight(store: Reading): Reading {
  return sharing(store, (answer, forget) => void answer.then(forget, forget));
}

function sharing(store: Reading, keep: (answer: Promise<unknown>, forget: () => void) => void): Reading {
  const once = <Query, Answer>(read: (query: Query) => Promise<Answer>) => {
    const answers = new Map<string, Promise<Answer>>();
    return (query: Query) => {
      const key = JSON.stringify(query) ?? '';
      let answer = answers.get(key);
      if (!answer) {
        answer = read(query);
        answers.set(key, answer);
        keep(answer, () => answers.delete(key));
      }
      return answer;
    };
  };
  const instruments = once(() => store.instruments());
  return {
    runs: once((filter) => store.runs(filter)),
    run: once((id) => store.run(id)),
    series: once((query) => store.series(query)),
    points: once((query) => store.points(query)),
    histograms: once((query) => store.histograms(query)),
    instruments: () => instruments(undefined),
  };
}

/** True when every attribute is that of the series' points, or else of its resource; compared as strings. */
export function matches(series: SeriesIdentity, where: Readonly<Record<string, string>>): boolean {
  return Object.entries(where).every(([name, wanted]) => {
    const value = attributeOf(series, name);
    return value !== undefined && value !== null && text(value) === wanted;
  });
}

/** An attribute of the points, or else of the resource. Names come from outside: `constructor` is none unless it was sent. */
export function attributeOf(
  { attributes, resource }: Pick<SeriesIdentity, 'attributes' | 'resource'>,
  name: string,
): unknown {
  const own = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return own ?? (Object.hasOwn(resource, name) ? resource[name] : undefined);
}

/** An attribute's value as the API compares and groups it. */
export function text(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
