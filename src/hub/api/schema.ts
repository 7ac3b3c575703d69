/** The part of JSON Schema 2020-12 (OpenAPI 3.1's dialect) that describes the API. */
export interface Schema {
  $ref?: string;
  type?: SchemaType | readonly SchemaType[];
  description?: string;
  enum?: readonly (string | number | null)[];
  const?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: Schema | boolean;
  anyOf?: readonly Schema[];
}
export type SchemaType = 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';

export const text: Schema = { type: 'string' };
export const boolean: Schema = { type: 'boolean' };
/** Finite. */
export const decimal: Schema = { type: 'number' };
export const whole: Schema = { type: 'integer' };
export const milliseconds: Schema = { type: 'number', description: 'Milliseconds since the epoch' };

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}
export function nullable(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] };
}
export function array(items: Schema): Schema {
  return { type: 'array', items };
}
export function oneOf(...values: string[]): Schema {
  return { type: 'string', enum: values };
}
/** Values by name. */
export function map(values: Schema): Schema {
  return { type: 'object', additionalProperties: values };
}
/** Members by name; a name that ends in `?` may be absent. No other member is allowed. */
export function object(members: Record<string, Schema>, description?: string): Schema {
  const entries = Object.entries(members);
  return {
    type: 'object',
    ...(description === undefined ? {} : { description }),
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    additionalProperties: false,
  };
}
