import {
  Document,
  isMap,
  isScalar,
  type Node,
  type Pair,
  parse,
  parseDocument,
  type Scalar,
  visit,
  YAMLMap,
} from 'yaml';
import { findReferences, replaceReferences } from './references.ts';
import type { ConfigSource } from './source.ts';
import { type Setting, VARIABLES } from './variables.ts';

/** Sections in the order in which data meets them. */
const SECTIONS = ['receivers', 'processors', 'connectors', 'exporters', 'extensions', 'service'] as const;
const PLAIN_VARIABLES = new Set(VARIABLES.filter(({ secret }) => !secret).map(({ name }) => name));

/**
 * One configuration out of several, merged as the Collector does (maps merge, everything else is replaced), with the
 * comments of the files and the values of the known variables written out. Secrets and variables of the user's own stay
 * `${env:NAME}`. The sources must be valid YAML: check them first.
 */
export function composeConfig(
  sources: readonly ConfigSource[],
  settings: ReadonlyMap<string, Setting>,
  header: readonly string[] = [],
): string {
  const merged = new YAMLMap();
  for (const { name, text } of sources) {
    const document = parseDocument(text);
    if (!isMap(document.contents)) continue;
    writeValues(document, settings);
    document.contents.commentBefore = null;
    mergeInto(merged, document.contents as YAMLMap<Node, Node>, name, 0);
  }
  const document = new Document(sorted(merged));
  document.commentBefore = header.map((line) => (line === '' ? '' : ` ${line}`)).join('\n');
  return document.toString({ lineWidth: 0, flowCollectionPadding: false, nullStr: '' });
}

function mergeInto(target: YAMLMap, from: YAMLMap<Node, Node>, source: string, depth: number): void {
  for (const pair of from.items) {
    const name = keyOf(pair);
    const before = target.items.find((item) => keyOf(item as Pair<Node, Node>) === name) as
      | Pair<Node, Node>
      | undefined;
    if (before === undefined) {
      if (depth === 0 && isScalar(pair.key)) pair.key.commentBefore = null;
      // Each component says which file brought it.
      if (depth === 1 && isScalar(pair.key) && isMap(pair.value)) {
        pair.key.commentBefore = [pair.key.commentBefore, ` from ${source}`].filter(Boolean).join('\n');
      }
      target.items.push(pair);
    } else if (isMap(before.value) && isMap(pair.value)) {
      mergeInto(before.value, pair.value as YAMLMap<Node, Node>, source, depth + 1);
    } else {
      before.value = pair.value;
    }
  }
}

const keyOf = (pair: Pair<Node, Node>): string => String(isScalar(pair.key) ? pair.key.value : pair.key);

function sorted(map: YAMLMap): YAMLMap {
  const rank = (pair: unknown) => {
    const at = (SECTIONS as readonly string[]).indexOf(keyOf(pair as Pair<Node, Node>));
    return at < 0 ? SECTIONS.length : at;
  };
  map.items.sort((a, b) => rank(a) - rank(b));
  for (const [i, item] of map.items.entries()) if (isScalar(item.key)) item.key.spaceBefore = i > 0;
  return map;
}

/** Puts the known variables' values into the text of every scalar, and says beside it which variable that was. */
function writeValues(document: Document.Parsed, settings: ReadonlyMap<string, Setting>): void {
  visit(document, {
    Scalar(key, node, path) {
      if (key === 'key' || typeof node.value !== 'string') return;
      const references = findReferences(node.value).filter(({ name }) => PLAIN_VARIABLES.has(name));
      if (references.length === 0) return;
      const plain = node.type === 'PLAIN';
      const said: string[] = [];
      const text = replaceReferences(node.value, ({ name, fallback }) => {
        if (!PLAIN_VARIABLES.has(name)) return undefined;
        const setting = settings.get(name);
        const value = setting?.value ?? fallback;
        // An address may hold a password: then it stays where it is.
        if (value === undefined || holdsPassword(value)) return undefined;
        said.push(`${name}: ${setting?.from ?? 'default'}`);
        return value;
      });
      write(node, text, plain);
      if (said.length > 0 && !inFlow(path)) node.comment = ` ${said.join(', ')}`;
    },
  });
}

/** A plain scalar is read as YAML again (a number stays a number), a quoted one is text whatever it looks like. */
function write(node: Scalar, text: string, plain: boolean): void {
  const value: unknown = plain ? parse(text) : text;
  node.value = typeof value === 'number' || typeof value === 'boolean' ? value : text;
  delete node.source;
  if (plain && typeof node.value !== 'string') delete node.type;
}

function holdsPassword(value: string): boolean {
  return URL.canParse(value) && new URL(value).password !== '';
}

function inFlow(path: readonly unknown[]): boolean {
  return path.some((node) => (node as { flow?: boolean } | null)?.flow === true);
}
