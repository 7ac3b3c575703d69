import { HttpError } from './http-error.ts';
import { MOST_TILES, RUN_OF_TILES } from './overview.ts';
import { integer, list, window } from './parameters.ts';
import { route } from './route.ts';

const WATCHED = {
  keys: list('Keys of the tiles; those of the overview when absent', MOST_TILES),
  window: window('The window of the tiles', '1h'),
  run: RUN_OF_TILES,
};

export const LIVE_ROUTES = [
  route({
    path: '/api/live',
    summary:
      'Server-sent events: `hello` {cursor, version}, then `update` (LiveUpdate), with a comment every 15 s. ' +
      'The id of an event, sent back as Last-Event-ID, resumes',
    parameters: {
      interval: integer('Seconds that changes are gathered for', 1, 60, 5),
      ...WATCHED,
    },
    contentType: 'text/event-stream',
    async handle({ values, context, request, response }) {
      const header = request.headers['last-event-id'];
      const lastEventId = typeof header === 'string' ? header : undefined;
      if (request.method === 'HEAD') return { text: '', contentType: 'text/event-stream' };
      const accepted = await context.live.subscribe(response, { ...values, lastEventId });
      if (!accepted)
        throw new HttpError(
          503,
          'too_many_clients',
          'The hub serves as many live streams as it may; close another page, or poll /api/delta.',
          { 'retry-after': '10' },
        );
      return 'streaming';
    },
  }),
  route({
    path: '/api/delta',
    summary: 'What changed since a cursor: one LiveUpdate, for those who poll',
    parameters: {
      since: integer('Cursor of the last update; 0 = from now on', 0, Number.MAX_SAFE_INTEGER, 0),
      ...WATCHED,
    },
    schema: 'LiveUpdate',
    async handle({ values: { since, ...watched }, context }) {
      return { json: await context.live.delta(since, watched) };
    },
  }),
];
