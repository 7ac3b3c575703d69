import { CATALOGUE, type TilesResponse } from '../../conventions/index.ts';
import { shared } from '../query/reading.ts';
import { performanceSummary } from '../query/summary.ts';
import { HttpError } from './http-error.ts';
import { integer, list, string, time, window } from './parameters.ts';
import { route } from './route.ts';

/** Most tiles of one request. */
export const MOST_TILES = 64;

export const RUN_OF_TILES = string(
  'The run that training keys are taken from; when absent, of those that have the key the run under way that ' +
    'started last, else the run that started last',
);

export const OVERVIEW_ROUTES = [
  route({
    path: '/api/summary',
    summary: 'Performance of serving in a window: the last minutes, or from one time to another',
    parameters: {
      minutes: integer('Length of the window, when `from` is absent', 1, 60 * 24 * 366, 60),
      from: time('Start'),
      to: time('End; now when absent'),
    },
    attributes: true,
    schema: 'PerformanceSummary',
    async handle({ values, where, context }) {
      const to = values.to ?? context.now();
      const span = { from: values.from ?? to - values.minutes * 60_000, to };
      if (span.from >= to)
        throw new HttpError(
          400,
          'bad_parameter',
          `Parameter \`from\` (${span.from}) is not below \`to\` (${to}).`,
        );
      return { json: await performanceSummary(shared(context.store), span, where, context.objectives) };
    },
  }),
  route({
    path: '/api/tiles',
    summary: 'Catalogue keys over a window: value, change, small line',
    parameters: {
      keys: list('Keys of the catalogue or of a run', MOST_TILES),
      window: window('The window, which ends now', '1h'),
      run: RUN_OF_TILES,
    },
    schema: 'TilesResponse',
    async handle({ values, context }) {
      const to = context.now();
      const tiles = await context.live.tiles(
        { keys: values.keys, window: values.window, run: values.run },
        to,
      );
      const answer: TilesResponse = { from: to - values.window, to, tiles };
      return { json: answer };
    },
  }),
  route({
    path: '/api/catalogue',
    summary: 'The catalogue of keys: title, unit, better direction, where the value comes from',
    schema: 'CatalogueResponse',
    handle: () => ({ json: { entries: CATALOGUE } }),
  }),
];
