import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { ConfigSource } from '../compose/source.ts';
import type { ConfigFinding } from './finding.ts';

export interface Place {
  file: string;
  line: number;
  column: number;
}
/** A value of a configuration that knows where it was written. Scalars keep their text: references are in it. */
export type Located =
  | { kind: 'map'; place: Place; entries: Map<string, { key: Place; value: Located }> }
  | { kind: 'list'; place: Place; items: Located[] }
  | { kind: 'scalar'; place: Place; value: string | number | boolean | null };

/** Reads a file; what is wrong with its YAML are findings, and then there is no value. */
export function readLocated(source: ConfigSource): { value?: Located; findings: ConfigFinding[] } {
  const lines = new LineCounter();
  const document = parseDocument(source.text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file: source.name, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const findings = document.errors.map(
    (error): ConfigFinding => ({
      ...placeAt(error.pos[0]),
      severity: 'error',
      path: '',
      message: `not valid YAML: ${error.message}`,
    }),
  );
  if (findings.length > 0) return { findings };
  const value = locate(document.contents, document, placeAt);
  if (value.kind === 'map') return { value, findings };
  if (value.kind === 'scalar' && value.value === null) return { findings };
  findings.push({
    ...value.place,
    severity: 'error',
    path: '',
    message: 'expected a map with receivers, exporters, service ...',
  });
  return { findings };
}

function locate(node: unknown, document: Document, placeAt: (offset: number) => Place): Located {
  if (isAlias(node)) return locate(node.resolve(document), document, placeAt);
  const place = placeAt((node as Node | null)?.range?.[0] ?? 0);
  if (isMap(node)) {
    const entries = new Map<string, { key: Place; value: Located }>();
    for (const { key, value } of node.items) {
      const name = String(isScalar(key) ? key.value : key);
      const at = placeAt((key as Node).range?.[0] ?? 0);
      // An empty value (`debug:`) stands at its key.
      entries.set(name, {
        key: at,
        value: isEmptyNode(value)
          ? { kind: 'scalar', place: at, value: null }
          : locate(value, document, placeAt),
      });
    }
    return { kind: 'map', place, entries };
  }
  if (isSeq(node))
    return { kind: 'list', place, items: node.items.map((item) => locate(item, document, placeAt)) };
  return { kind: 'scalar', place, value: isScalar(node) ? (node.value as string) : null };
}

/** `key:` without anything behind it. */
function isEmptyNode(value: unknown): boolean {
  return value === null || (isScalar(value) && value.value === null && !value.source);
}

/** The value at a path of keys; undefined when there is none. */
export function at(value: Located | undefined, ...path: string[]): Located | undefined {
  return path.reduce<Located | undefined>(
    (from, key) => (from?.kind === 'map' ? from.entries.get(key)?.value : undefined),
    value,
  );
}

/** Keys, their places and values; nothing for anything but a map. */
export function entriesOf(
  value: Located | undefined,
): [name: string, entry: { key: Place; value: Located }][] {
  return value?.kind === 'map' ? [...value.entries] : [];
}

/** Texts of a list, with their places. */
export function textsOf(value: Located | undefined): { text: string; place: Place }[] {
  if (value?.kind !== 'list') return [];
  return value.items.flatMap((item) =>
    item.kind === 'scalar' ? [{ text: String(item.value), place: item.place }] : [],
  );
}

/** Every scalar below a value, with its path. */
export function* scalarsOf(
  value: Located,
  path: readonly string[] = [],
): Generator<{ path: readonly string[]; place: Place; value: string | number | boolean | null }> {
  if (value.kind === 'scalar') yield { path, place: value.place, value: value.value };
  else if (value.kind === 'list')
    for (const [i, item] of value.items.entries()) yield* scalarsOf(item, [...path, String(i)]);
  else for (const [name, entry] of value.entries) yield* scalarsOf(entry.value, [...path, name]);
}
