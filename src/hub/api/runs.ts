import type { RunStatus } from '../../conventions/index.ts';
import { HttpError, notFound } from './http-error.ts';
import { choice, integer, number, optionalInteger, requiredString, string } from './parameters.ts';
import { route } from './route.ts';

const STATUSES = ['running', 'finished', 'failed', 'killed', 'interrupted'] as const satisfies RunStatus[];

const unknownRun = (id: string) => notFound(`No run "${id.slice(0, 80)}"; GET /api/runs lists the runs.`);

export const RUN_ROUTES = [
  route({
    path: '/api/runs',
    summary: 'Runs, the one that started last first',
    parameters: {
      project: string('Runs of this project'),
      status: choice('Runs in this state', STATUSES, undefined),
      limit: integer('Most runs', 1, 10_000, 100),
    },
    schema: 'RunsResponse',
    handle: async ({ values, context }) => ({ json: await context.store.runs(values) }),
  }),
  route({
    path: '/api/runs/{id}',
    summary: 'One run: parameters, tags, keys, notes, artifacts, ranks',
    pathParameters: { id: 'llm.run.id' },
    schema: 'RunDetail',
    async handle({ path, context }) {
      const run = await context.store.run(path.id);
      if (!run) throw unknownRun(path.id);
      return { json: run };
    },
  }),
  route({
    path: '/api/runs/{id}/series',
    summary: 'One key of a run over steps or time',
    pathParameters: { id: 'llm.run.id' },
    parameters: {
      key: requiredString('Key of the series, such as train/loss'),
      rank: optionalInteger(
        'One rank; all ranks when absent. A rank that has not recorded the key has no points',
        0,
        1_000_000,
      ),
      x: choice(
        'What `from` and `to` bound, and what the points are in order of',
        ['step', 'time', 'relative'],
        'step',
      ),
      from: number('Lowest x, inclusive: a step, ms since the epoch, or ms since the start of the run'),
      to: number('Highest x, inclusive'),
      maxPoints: integer('0 = every point; else at most about so many, chosen by M4', 0, 1_000_000, 4000),
    },
    schema: 'SeriesResponse',
    async handle({ path, values, context }) {
      const { from, to } = values;
      if (from !== undefined && to !== undefined && from > to)
        throw new HttpError(400, 'bad_parameter', `Parameter \`from\` (${from}) is above \`to\` (${to}).`);
      const series = await context.store.series({ run: path.id, ...values, x: values.x ?? 'step' });
      if (series) return { json: series };
      const run = await context.store.run(path.id);
      if (!run) throw unknownRun(path.id);
      const keys = run.keys.map(({ key }) => key);
      throw notFound(
        `Run "${path.id.slice(0, 80)}" has no series "${values.key.slice(0, 80)}"; its keys: ${shortList(keys)}.`,
      );
    },
  }),
  route({
    path: '/api/runs/{id}/histograms',
    summary: 'Histograms of a run, in the order in which they came',
    pathParameters: { id: 'llm.run.id' },
    parameters: {
      name: string('Those of this name, such as gradients/layer_1'),
      rank: optionalInteger('One rank; all ranks when absent', 0, 1_000_000),
      after: integer('Goes on behind this place: `next` of the answer before', 0, Number.MAX_SAFE_INTEGER, 0),
      limit: integer('Most histograms', 1, 1000, 100),
    },
    schema: 'RunHistogramsResponse',
    async handle({ path, values, context }) {
      const { limit } = values;
      // one more tells whether there are more
      const found = await context.store.runHistograms({ run: path.id, ...values, limit: limit + 1 });
      if (found.length === 0 && !(await context.store.run(path.id))) throw unknownRun(path.id);
      const histograms = found.slice(0, limit);
      const next = found.length > limit ? (histograms.at(-1)?.id ?? null) : null;
      return { json: { run: path.id, histograms, next } };
    },
  }),
];

function shortList(names: readonly string[]): string {
  if (names.length === 0) return 'none yet';
  return names.length > 20 ? `${names.slice(0, 20).join(', ')} ... (${names.length})` : names.join(', ');
}
