import { matches, textOfEither } from './attributes.ts';
import type { MetricQuery } from './store.ts';

type Attributes = Record<string, unknown>;

/** Whether a query asks for a series: it has all of `where`, and one of `anyOf` when there is one. */
export function seriesFilter({
  where,
  anyOf,
}: Pick<MetricQuery, 'where' | 'anyOf'>): (attributes: Attributes, resource: Attributes) => boolean {
  const all = Object.entries(where);
  if (anyOf === undefined) return (attributes, resource) => matches(all, attributes, resource);
  const some = Object.entries(anyOf).map(([key, values]) => [key, new Set(values)] as const);
  return (attributes, resource) =>
    matches(all, attributes, resource) &&
    some.some(([key, values]) => {
      const text = textOfEither(key, attributes, resource);
      return text !== undefined && values.has(text);
    });
}
