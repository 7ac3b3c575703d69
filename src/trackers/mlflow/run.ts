import type { SinkRun } from '../sink.ts';
import { SinkUnavailable } from '../sink-errors.ts';
import { MlflowRefused, type MlflowClient } from './client.ts';
import { type KeyValue, RANK_TAG, RUN_ID_TAG } from './tags.ts';

/** A run as the server shows it. */
export interface MlflowRun {
  readonly id: string;
  readonly experimentId: string;
  readonly artifactUri: string;
  readonly status: string;
  readonly params: ReadonlyMap<string, string>;
  readonly tags: ReadonlyMap<string, string>;
}

interface RunReply {
  info: {
    run_id: string;
    experiment_id: string;
    artifact_uri?: string;
    status?: string;
    lifecycle_stage?: string;
  };
  data?: { params?: KeyValue[]; tags?: KeyValue[] };
}

/** The run of this id. A deleted one takes nothing: it waits until somebody restores it. */
export async function getRun(client: MlflowClient, id: string, signal?: AbortSignal): Promise<MlflowRun> {
  let reply: unknown;
  try {
    reply = await client.get('runs/get', { run_id: id }, signal);
  } catch (error) {
    if (error instanceof MlflowRefused)
      throw new SinkUnavailable(
        `MLflow has no run ${id} any more (${error.message}); forward the run anew by removing it from sinks.json`,
      );
    throw error;
  }
  const { run } = reply as { run: RunReply };
  if (run.info.lifecycle_stage === 'deleted')
    throw new SinkUnavailable(
      `The run ${id} was deleted in MLflow; restore it there (mlflow runs restore --run-id ${id}), or it gets no more records`,
    );
  return readRun(run);
}

/** The run that an earlier attempt made for this run and rank; undefined when there is none. */
export async function findRun(
  client: MlflowClient,
  experimentId: string,
  run: Pick<SinkRun, 'id' | 'rank'>,
  signal?: AbortSignal,
): Promise<MlflowRun | undefined> {
  const reply = (await client.post(
    'runs/search',
    {
      experiment_ids: [experimentId],
      filter: `tags.\`${RUN_ID_TAG}\` = ${quoted(run.id)} AND tags.\`${RANK_TAG}\` = '${run.rank}'`,
      max_results: 1,
      order_by: ['attributes.start_time ASC'],
    },
    signal,
  )) as { runs?: RunReply[] };
  const found = reply.runs?.[0];
  return found && readRun(found);
}

export async function createRun(
  client: MlflowClient,
  run: { experimentId: string; name: string; startedAt: number; user: string; tags: readonly KeyValue[] },
  signal?: AbortSignal,
): Promise<MlflowRun> {
  const reply = (await client.post(
    'runs/create',
    {
      experiment_id: run.experimentId,
      run_name: run.name,
      user_id: run.user,
      start_time: Math.floor(run.startedAt),
      tags: run.tags,
    },
    signal,
    { once: true },
  )) as { run: RunReply };
  return readRun(reply.run);
}

export async function updateRun(
  client: MlflowClient,
  change: { run_id: string; status: string; end_time?: number },
  signal?: AbortSignal,
): Promise<void> {
  await client.post('runs/update', change, signal);
}

function readRun({ info, data }: RunReply): MlflowRun {
  const map = (pairs: readonly KeyValue[] = []): Map<string, string> =>
    new Map(pairs.map(({ key, value }) => [key, value]));
  return {
    id: info.run_id,
    experimentId: info.experiment_id,
    artifactUri: info.artifact_uri ?? '',
    status: info.status ?? 'RUNNING',
    params: map(data?.params),
    tags: map(data?.tags),
  };
}

/** A string of MLflow's search language; it knows no escapes, but two kinds of quotes. */
function quoted(text: string): string {
  return text.includes("'") ? `"${text.replaceAll('"', '')}"` : `'${text}'`;
}
