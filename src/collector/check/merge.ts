import type { ConfigFinding } from './finding.ts';
import type { Located } from './located.ts';

/**
 * Merges files as the Collector does (maps merge, everything else is replaced by the later file) and tells where that
 * loses something: a list that does not hold what the earlier one held, or a map that is no longer one.
 */
export function mergeLocated(values: readonly Located[]): {
  merged: Located | undefined;
  findings: ConfigFinding[];
} {
  const findings: ConfigFinding[] = [];
  const merged = values.reduce<Located | undefined>(
    (before, after) => (before === undefined ? after : merge(before, after, [], findings)),
    undefined,
  );
  return { merged, findings };
}

function merge(before: Located, after: Located, path: readonly string[], findings: ConfigFinding[]): Located {
  if (before.kind === 'map' && after.kind === 'map') {
    const entries = new Map(before.entries);
    for (const [name, entry] of after.entries) {
      const earlier = entries.get(name);
      entries.set(
        name,
        earlier === undefined
          ? entry
          : { key: entry.key, value: merge(earlier.value, entry.value, [...path, name], findings) },
      );
    }
    return { kind: 'map', place: before.place, entries };
  }
  const where = `${before.place.file}:${before.place.line}`;
  const report = (message: string) =>
    findings.push({ ...after.place, severity: 'error', path: path.join('.'), message });
  if (before.kind === 'list' && after.kind === 'list') {
    const kept = new Set(after.items.map(keyOf));
    const lost = before.items.map(keyOf).filter((key) => !kept.has(key));
    if (lost.length > 0) {
      report(
        `replaces the list of ${where} and loses ${lost.join(', ')}: files merge maps, not lists. Give what is new a pipeline of its own, or repeat the whole list`,
      );
    }
  } else if (before.kind !== after.kind && !isEmpty(before)) {
    if (isEmpty(after))
      report(
        `an empty value removes the ${before.kind} of ${where}; leave the key out, or give it what it needs`,
      );
    else report(`a ${after.kind} replaces the ${before.kind} of ${where}`);
  }
  return after;
}

const isEmpty = (value: Located) => value.kind === 'scalar' && value.value === null;

/** What an item of a list is known by: its text, or its whole content. */
function keyOf(item: Located): string {
  if (item.kind === 'scalar') return String(item.value);
  return JSON.stringify(plain(item));
}

/** The bare value, without places. */
export function plain(value: Located): unknown {
  if (value.kind === 'scalar') return value.value;
  if (value.kind === 'list') return value.items.map(plain);
  return Object.fromEntries([...value.entries].map(([name, entry]) => [name, plain(entry.value)]));
}
