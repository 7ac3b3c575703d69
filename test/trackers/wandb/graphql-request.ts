/** What of a GraphQL request the stand-in needs: its operation, and its variables checked against their declared types. */
export interface GraphqlRequest {
  readonly operation: string;
  readonly kind: 'query' | 'mutation';
  /** Names of the fields that are asked for, anywhere. */
  readonly fields: ReadonlySet<string>;
  /** Argument of the input object by name: the variable that fills it. */
  readonly arguments: ReadonlyMap<string, string>;
  readonly variables: Readonly<Record<string, unknown>>;
}

const SCALARS: Readonly<Record<string, (value: unknown) => boolean>> = {
  String: (value) => typeof value === 'string',
  ID: (value) => typeof value === 'string',
  Boolean: (value) => typeof value === 'boolean',
  Int: Number.isInteger,
  Int64: Number.isInteger,
  Float: (value) => typeof value === 'number',
  JSONString: (value) => typeof value === 'string',
  Duration: (value) => typeof value === 'number' || typeof value === 'string',
  AlertSeverity: (value) => typeof value === 'string' && ['INFO', 'WARN', 'ERROR'].includes(value),
};

/**
 * Reads a request body.
 * @throws Error with the complaint that a GraphQL server would have: no JSON, no operation, a variable that is not
 * declared, missing, or of another type.
 */
export function readGraphql(body: string): GraphqlRequest {
  const parsed = JSON.parse(body) as { query?: unknown; variables?: unknown; operationName?: string | null };
  if (typeof parsed.query !== 'string') throw new Error('Must provide query string.');
  const query = parsed.query;
  const head = /^\s*(query|mutation)\s+(\w+)\s*(?:\(([^)]*)\))?\s*\{/.exec(query);
  if (!head) throw new Error('Syntax Error: expected an operation with a name');
  const [whole, kind, operation, declared = ''] = head;
  // W&B's client says '' in some
  const named = parsed.operationName ?? '';
  if (named !== '' && named !== operation) throw new Error(`Unknown operation named "${named}".`);
  const variables = (parsed.variables ?? {}) as Record<string, unknown>;
  const types = declaredTypes(declared);
  for (const name of Object.keys(variables))
    if (!types.has(name)) throw new Error(`Variable "$${name}" is not declared in operation "${operation}".`);
  for (const [name, type] of types) checkType(name, type, variables[name]);
  const rest = query.slice(whole.length);
  for (const [, used = ''] of rest.matchAll(/\$(\w+)/g))
    if (!types.has(used)) throw new Error(`Variable "$${used}" is not defined by operation "${operation}".`);
  if (balance(query) !== 0) throw new Error('Syntax Error: Expected Name, found <EOF>.');
  const withoutArguments = rest.replaceAll(/\([^)]*\)/g, ' ');
  return {
    operation: operation as string,
    kind: kind as 'query' | 'mutation',
    fields: new Set(withoutArguments.match(/\w+/g) ?? []),
    arguments: new Map(
      [...rest.matchAll(/(\w+)\s*:\s*\$(\w+)/g)].map(([, argument = '', variable = '']) => [
        argument,
        variable,
      ]),
    ),
    variables,
  };
}

function declaredTypes(declared: string): Map<string, string> {
  return new Map(
    [...declared.matchAll(/\$(\w+)\s*:\s*(\[?\w+!?\]?!?)(?:\s*=\s*\w+)?/g)].map(
      ([, name = '', type = '']) => [name, type],
    ),
  );
}

function checkType(name: string, type: string, value: unknown): void {
  if (value === undefined || value === null) {
    if (type.endsWith('!'))
      throw new Error(`Variable "$${name}" of required type "${type}" was not provided.`);
    return;
  }
  const list = /^\[(\w+)!?\]/.exec(type)?.[1];
  const scalar = list ?? type.replace('!', '');
  const test = SCALARS[scalar];
  // input objects are not checked
  if (!test) return;
  const values = list === undefined ? [value] : value;
  if (!Array.isArray(values) || !values.every(test))
    throw new Error(`Variable "$${name}" got invalid value ${JSON.stringify(value)}; Expected type ${type}.`);
}

function balance(text: string): number {
  let depth = 0;
  for (const sign of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, ''))
    depth += sign === '{' ? 1 : sign === '}' ? -1 : 0;
  return depth;
}
