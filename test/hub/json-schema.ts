import type { Schema } from '../../src/hub/api/schema.ts';

/** What is wrong with a value by a schema, as `path: problem`; the part of JSON Schema that the API uses. */
export function problems(
  value: unknown,
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  path = '$',
): string[] {
  const known = new Set([
    '$ref',
    'type',
    'description',
    'enum',
    'const',
    'default',
    'minimum',
    'maximum',
    'items',
    'properties',
    'required',
    'additionalProperties',
    'anyOf',
  ]);
  for (const keyword of Object.keys(schema)) if (!known.has(keyword)) return [`${path}: keyword ${keyword}`];
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace('#/components/schemas/', '');
    const referred = schemas[name];
    return referred ? problems(value, referred, schemas, path) : [`${path}: no schema ${schema.$ref}`];
  }
  if (schema.anyOf) {
    const all = schema.anyOf.map((one) => problems(value, one, schemas, path));
    return all.some((found) => found.length === 0)
      ? []
      : [`${path}: none of anyOf (${all.flat().join('; ')})`];
  }
  const found: string[] = [];
  const type = typeOf(value);
  const types = schema.type === undefined ? undefined : [schema.type].flat();
  if (types && !types.some((wanted) => wanted === type || (wanted === 'number' && type === 'integer')))
    return [`${path}: ${type}, not ${types.join(' or ')}`];
  if (schema.enum && !schema.enum.some((one) => one === value))
    found.push(`${path}: ${String(value)} not in enum`);
  if (Array.isArray(value) && schema.items)
    value.forEach((item, i) =>
      found.push(...problems(item, schema.items as Schema, schemas, `${path}[${i}]`)),
    );
  if (type === 'object') {
    const members = value as Record<string, unknown>;
    for (const name of schema.required ?? [])
      if (!(name in members)) found.push(`${path}: ${name} is missing`);
    for (const [name, member] of Object.entries(members)) {
      const of = schema.properties?.[name] ?? schema.additionalProperties;
      if (of === false) found.push(`${path}: ${name} is not described`);
      else if (typeof of === 'object') found.push(...problems(member, of, schemas, `${path}.${name}`));
    }
  }
  return found;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
