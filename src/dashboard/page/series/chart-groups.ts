import type { CatalogueEntry } from '../../../conventions/catalogue.ts';

/** Keys that share one chart. */
export interface ChartGroup {
  title: string;
  keys: string[];
}

/** First on a run's page, whatever else there is. */
const FIRST = ['train/loss', 'train/learning_rate'];

/**
 * One chart a key; `train/x` and `val/x` share one, so that over-fitting is seen. Loss and learning rate come
 * first, then the known keys in the catalogue's order, then the user's own by name.
 */
export function chartGroups(
  keys: readonly string[],
  catalogue: ReadonlyMap<string, Pick<CatalogueEntry, 'title'>>,
): ChartGroup[] {
  const order = new Map([...catalogue.keys()].map((key, i) => [key, i]));
  const known = new Set(keys);
  const rank = (key: string): number => {
    const first = FIRST.indexOf(key);
    return first >= 0 ? first - FIRST.length : (order.get(key) ?? catalogue.size);
  };
  const groups: ChartGroup[] = [];
  for (const key of [...known].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))) {
    const measure = key.replace(/^(?:train|val)\//, '');
    const partner = measure === key ? undefined : `train/${measure}`;
    if (key.startsWith('val/') && partner !== undefined && known.has(partner)) continue;
    const validation = `val/${measure}`;
    const paired = key.startsWith('train/') && known.has(validation);
    groups.push({
      title: paired ? pairedTitle(measure) : (catalogue.get(key)?.title ?? key),
      keys: paired ? [key, validation] : [key],
    });
  }
  return groups;
}

const pairedTitle = (measure: string): string => {
  const words = measure.replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
};
