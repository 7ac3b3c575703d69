import { HttpError, notFound } from './http-error.ts';
import { flag, integer, number, string, time } from './parameters.ts';
import { route } from './route.ts';

export const TRACE_ROUTES = [
  route({
    path: '/api/traces',
    summary: 'Search traces, the newest first',
    parameters: {
      from: time('Traces that start at or after this'),
      to: time('Traces that start at or before this'),
      service: string('Traces with a span of this service.name'),
      name: string('Traces with a span whose name contains this'),
      minDurationMs: number('Traces that last at least so long, in ms'),
      errors: flag('Only traces with an error'),
      limit: integer('Most traces', 1, 1000, 100),
    },
    attributes: true,
    schema: 'TracesResponse',
    async handle({ values, where, context }) {
      const { from, to } = values;
      if (from !== undefined && to !== undefined && from > to)
        throw new HttpError(400, 'bad_parameter', `Parameter \`from\` (${from}) is above \`to\` (${to}).`);
      return { json: await context.store.traces({ ...values, where }) };
    },
  }),
  route({
    path: '/api/traces/{id}',
    summary: 'The spans of one trace, by start time',
    pathParameters: { id: 'Trace id, 32 hexadecimal digits' },
    schema: 'TraceResponse',
    async handle({ path, context }) {
      const traceId = path.id.toLowerCase();
      const spans = /^[0-9a-f]{32}$/.test(traceId) ? await context.store.trace(traceId) : [];
      if (spans.length === 0)
        throw notFound(`No trace "${path.id.slice(0, 80)}"; GET /api/traces searches them.`);
      return { json: { traceId, spans } };
    },
  }),
];
