import { ATTRIBUTE_PREFIX } from './parameters.ts';
import type { Route } from './route.ts';
import { type Schema, ref } from './schema.ts';
import { SCHEMAS } from './schemas.ts';

const REASONS: Readonly<Record<number, string>> = {
  200: 'Done',
  400: 'A parameter is missing, unknown or not acceptable; the message says which and what is accepted',
  401: 'Sign-in or a bearer token is needed',
  403: 'The Host or Origin header is not one of the hub',
  404: 'Nothing has this name',
};

/** The OpenAPI 3.1 document of the routes. OTLP's own routes are described by OpenTelemetry (OTLP 1.11). */
export function openApiDocument(routes: readonly Route[], version: string): Record<string, unknown> {
  return {
    openapi: '3.1.0',
    info: {
      title: 'llm-otel hub',
      version,
      description:
        'Times are milliseconds since the epoch. Non-finite numbers are the texts "NaN", "Infinity", "-Infinity". ' +
        'Errors are {error: {code, message}}. OTLP/HTTP is taken at POST /v1/traces, /v1/metrics and /v1/logs.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }, { session: [] }],
    paths: Object.fromEntries(routes.map((route) => [route.path, { get: operation(route) }])),
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'llm_otel_hub_PORT' },
      },
    },
  };
}

function operation(route: Route): Record<string, unknown> {
  const statuses = route.open ? route.statuses : [...route.statuses, 401];
  return {
    summary: route.summary,
    ...(route.open ? { security: [] } : {}),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    responses: Object.fromEntries(
      [...statuses, 403].map((status) => [
        String(status),
        { description: REASONS[status], content: status === 200 ? body(route) : json(ref('ApiError')) },
      ]),
    ),
  };
}

function body(route: Route): Record<string, unknown> {
  if (route.contentType === 'application/json')
    return json(route.schema ? ref(route.schema) : { type: 'object' });
  return { [route.contentType]: { schema: { type: 'string' } } };
}
const json = (schema: Schema) => ({ 'application/json': { schema } });

function pathParameters({ pathParameters }: Route): unknown[] {
  return Object.entries(pathParameters).map(([name, description]) => ({
    name,
    in: 'path',
    required: true,
    description,
    schema: { type: 'string' },
  }));
}

function queryParameters({ parameters, attributes }: Route): unknown[] {
  const described = Object.entries(parameters).map(([name, { description, required, schema }]) => ({
    name,
    in: 'query',
    required,
    description,
    schema,
  }));
  if (!attributes) return described;
  return [
    ...described,
    {
      name: `${ATTRIBUTE_PREFIX}*`,
      in: 'query',
      required: false,
      description:
        'Any number of `attr.NAME=value`: only what has the attribute NAME (of the point or span, or of its resource) with this value',
      schema: { type: 'string' },
    },
  ];
}
