import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parse,
  parseDocument,
} from 'yaml';
import { hasReference, substitute, UnsetVariable } from './environment.ts';
import { nearest } from '../conventions/nearest.ts';
import { isNeeded } from './needed.ts';
import { type Monitoring, monitoringSchema } from './schema.ts';

/** One thing that is wrong in the file; `line` and `column` count from 1. */
export interface ConfigProblem {
  line: number;
  column: number;
  /** Dotted, e.g. `monitoring.alerts.rules[0].condition`. */
  path: string;
  message: string;
}

/** Every problem of the file at once, each with its place and what to do. */
export class ConfigError extends Error {
  readonly file: string;
  readonly problems: readonly ConfigProblem[];
  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(
      problems
        .map((p) => `${file}:${p.line}:${p.column}: ${p.path ? `${p.path}: ` : ''}${p.message}`)
        .join('\n'),
    );
    this.name = 'ConfigError';
    this.file = file;
    this.problems = problems;
  }
}

export interface LoadedConfig {
  config: Partial<Monitoring>;
  /** For the user to read once at start. */
  warnings: string[];
  file: string;
}

export interface ParseOptions {
  /** Name of the file in messages. */
  file?: string;
  env?: Readonly<Record<string, string | undefined>>;
}

/** Sections that are read and checked, and that nothing acts on yet. */
const WITHOUT_ROOM: readonly (readonly [path: string, what: string])[] = [['alerts', 'alerts']];

/** Reads and checks a configuration file. @throws {ConfigError} */
export function loadConfig(file: string, env: ParseOptions['env'] = process.env): LoadedConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, [
      { line: 1, column: 1, path: '', message: `cannot be read: ${(error as Error).message}` },
    ]);
  }
  return parseConfig(text, { file, env });
}

/** Checks the text of a configuration file. @throws {ConfigError} with every problem found */
export function parseConfig(text: string, options: ParseOptions = {}): LoadedConfig {
  const file = options.file ?? 'monitoring.yaml';
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (document.errors.length > 0) {
    throw new ConfigError(
      file,
      document.errors.map((error) => ({
        ...at(error.pos[0]),
        path: '',
        message: `not valid YAML: ${error.message}`,
      })),
    );
  }
  const raw = toValue(document.contents, document, options.env ?? process.env);
  if (raw === null || raw === undefined) return { config: {}, warnings: [], file };

  if (!isMap(document.contents))
    throw new ConfigError(file, [
      { line: 1, column: 1, path: '', message: 'expected a map with the key monitoring' },
    ]);
  const problems: ConfigProblem[] = [];
  const report = (path: readonly (string | number)[], message: string) =>
    problems.push({ ...at(offsetOf(document, path)), path: dotted(path), message });

  const unset = collectUnset(raw);
  const config = dropUnset(raw);
  const checked = v.safeParse(monitoringSchema, config);
  for (const issue of checked.issues ?? []) {
    const path = (issue.path ?? []).map((item) => item.key as string | number);
    if (issue.type === 'strict_object' && issue.expected === 'never') {
      // The schema stops at the first of a section.
      const section = path.slice(0, -1);
      const known = new Set(knownKeys(section));
      const keys = known.size === 0 ? [String(path.at(-1))] : Object.keys(valueAt(config, section));
      for (const key of keys) if (!known.has(key)) report([...section, key], unknownKey([...section, key]));
    } else if (issue.type === 'strict_object' && issue.input === undefined) {
      report(path, 'is missing');
    } else {
      report(path, `${issue.message}${got(issue, literalAt(document, path))}`);
    }
  }
  const monitoring = (raw as { monitoring?: Partial<Monitoring> }).monitoring ?? {};
  for (const { path, variable } of unset) {
    if (!isNeeded(path.slice(1), monitoring)) continue;
    report(path, `environment variable ${variable} is not set; set it, or write \${${variable}:-default}`);
  }
  if (!checked.success || problems.length > 0) {
    throw new ConfigError(
      file,
      problems.sort((a, b) => a.line - b.line || a.column - b.column),
    );
  }
  const result: Partial<Monitoring> = checked.output.monitoring ?? {};
  return { config: result, warnings: warningsOf(result), file };
}

/** What is said of a key that is not known where it stands. */
function unknownKey(path: readonly (string | number)[]): string {
  const key = String(path.at(-1));
  const known = knownKeys(path.slice(0, -1));
  if (path.length === 1 && knownKeys(['monitoring']).includes(key)) return 'belongs below the key monitoring';
  const meant = nearest(key, known);
  return `unknown key${meant ? `; did you mean ${meant}?` : `; known here: ${known.join(', ')}`}`;
}

/** Kinds of values that are never a secret; a text may be one. */
const SHOWN = new Set([
  'picklist',
  'number',
  'integer',
  'finite',
  'min_value',
  'max_value',
  'boolean',
  'union',
  'regex',
  'raw_transform',
]);

/** What stands there instead of what was expected, and the word that may be meant. */
function got(issue: { type: string; expected: string | null }, literal: unknown): string {
  if (literal === undefined || !SHOWN.has(issue.type)) return '';
  const words = issue.type === 'picklist' ? [...(issue.expected ?? '').matchAll(/"([^"]*)"/g)] : [];
  const meant =
    typeof literal === 'string'
      ? nearest(
          literal,
          words.map(([, word]) => word as string),
        )
      : undefined;
  return `, got ${JSON.stringify(literal)}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

function warningsOf(config: Partial<Monitoring>): string[] {
  const warnings: string[] = [];
  const unused = WITHOUT_ROOM.filter(([path]) => getIn(config, path.split('.')) !== undefined);
  if (unused.length > 0) {
    warnings.push(
      `read and checked, but without effect in this version: ${unused.map(([path, what]) => `${path} (${what})`).join(', ')}`,
    );
  }
  return warnings;
}

function getIn(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (at === null || typeof at !== 'object' ? undefined : (at as Record<string, unknown>)[key]),
    value,
  );
}

/** A YAML node as a plain value with the environment put in. A plain (unquoted) scalar is read as YAML again after that. */
function toValue(
  node: unknown,
  document: Document,
  env: Readonly<Record<string, string | undefined>>,
): unknown {
  if (isAlias(node)) return toValue(node.resolve(document), document, env);
  if (isMap(node)) {
    const value: Record<string, unknown> = Object.create(null);
    for (const pair of node.items)
      value[String(isScalar(pair.key) ? pair.key.value : pair.key)] = toValue(pair.value, document, env);
    return { ...value };
  }
  if (isSeq(node)) return node.items.map((item) => toValue(item, document, env));
  if (!isScalar(node)) return undefined;
  if (typeof node.value !== 'string' || !hasReference(node.value)) return node.value;
  const text = substitute(node.value, env);
  if (text instanceof UnsetVariable || node.type !== 'PLAIN') return text;
  return parse(text) as unknown;
}

function collectUnset(
  value: unknown,
  path: (string | number)[] = [],
): { path: (string | number)[]; variable: string }[] {
  if (value instanceof UnsetVariable) return [{ path, variable: value.name }];
  if (Array.isArray(value)) return value.flatMap((item, i) => collectUnset(item, [...path, i]));
  if (value !== null && typeof value === 'object')
    return Object.entries(value).flatMap(([key, item]) => collectUnset(item, [...path, key]));
  return [];
}

/** The value without its unset variables and empty sections: every key is optional, so what is left can be checked by itself. */
function dropUnset(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !(item instanceof UnsetVariable)).map(dropUnset);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && !(item instanceof UnsetVariable))
      .map(([key, item]) => [key, dropUnset(item)]),
  );
}

/** The scalar as it is written in the file; undefined for what comes from the environment, which may be a secret. */
function literalAt(document: Document, path: readonly (string | number)[]): unknown {
  const node = document.getIn(path, true);
  if (!isScalar(node) || (typeof node.value === 'string' && hasReference(node.value))) return undefined;
  return node.value;
}

/** Where the key (of a map) or the item (of a list) stands; the nearest parent when it is not in the file. */
function offsetOf(document: Document, path: readonly (string | number)[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => String(isScalar(item.key) ? item.key.value : item.key) === String(key),
      );
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(key)] as Node | undefined;
      if (!item) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset;
}

function dotted(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${key}` : key),
    '',
  );
}

function valueAt(config: unknown, path: readonly (string | number)[]): object {
  let value = config;
  for (const key of path) value = (value as Record<string | number, unknown> | undefined)?.[key];
  return typeof value === 'object' && value !== null ? value : {};
}

interface AnySchema {
  entries?: Record<string, AnySchema>;
  item?: AnySchema;
  wrapped?: AnySchema;
}

/** The keys that the schema knows at a path. */
export function knownKeys(path: readonly (string | number)[]): string[] {
  let schema: AnySchema | undefined = monitoringSchema as unknown as AnySchema;
  for (const key of path) {
    schema = unwrap(schema);
    schema = typeof key === 'number' ? schema?.item : schema?.entries?.[key];
  }
  return Object.keys(unwrap(schema)?.entries ?? {});
}

function unwrap(schema: AnySchema | undefined): AnySchema | undefined {
  let inner = schema;
  while (inner?.wrapped) inner = inner.wrapped;
  return inner;
}
