import type { SinkArtifact, SinkMap } from '../sink.ts';
import { MlflowRefused, type MlflowClient } from './client.ts';
import { paramPairs, tag } from './tags.ts';

export interface LoggedModel {
  readonly id: string;
  readonly artifactUri: string;
}

interface ModelReply {
  info: { model_id: string; artifact_uri?: string };
}

/** Tag by which a model is found again when the process died between making it and remembering it. */
const RECORD_TAG = 'llm.run.record';

interface ModelRun {
  readonly experimentId: string;
  readonly runId: string;
}

/** The logged model of a recorded model: the one that an earlier try made, or a new one (state PENDING). */
export async function loggedModel(
  client: MlflowClient,
  run: ModelRun,
  artifact: SinkArtifact,
  signal?: AbortSignal,
): Promise<LoggedModel> {
  const record = `${run.runId}/${artifact.seq}`;
  const found = (await client.post(
    'logged-models/search',
    { experiment_ids: [run.experimentId], filter: `tags.\`${RECORD_TAG}\` = '${record}'`, max_results: 1 },
    signal,
  )) as { models?: ModelReply[] };
  const earlier = found.models?.[0];
  if (earlier) return read(earlier);
  const { metadata } = artifact;
  const made = (await client.post(
    'logged-models',
    {
      experiment_id: run.experimentId,
      name: modelName(artifact.name),
      model_type: typeof metadata['model_type'] === 'string' ? metadata['model_type'] : '',
      source_run_id: run.runId,
      params: paramPairs(modelParams(metadata)),
      tags: [
        tag(RECORD_TAG, record),
        tag('llm.artifact.sha256', artifact.sha256),
        tag('llm.artifact.size', String(artifact.size)),
      ],
    },
    signal,
    { once: true },
  )) as { model: ModelReply };
  return read(made.model);
}

/** The model is whole; it appears among the run's outputs, at the step that its metadata name. */
export async function finishModel(
  client: MlflowClient,
  run: ModelRun,
  model: LoggedModel,
  step: number,
  signal?: AbortSignal,
): Promise<void> {
  await client.post(
    `logged-models/${model.id}`,
    { model_id: model.id, status: 'LOGGED_MODEL_READY' },
    signal,
    { method: 'PATCH' },
  );
  await client.post('runs/outputs', { run_id: run.runId, models: [{ model_id: model.id, step }] }, signal);
}

/** Makes the model a version of a registered model, unless an earlier try did. */
export async function registerModel(
  client: MlflowClient,
  name: string,
  run: ModelRun,
  model: LoggedModel,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await client.post('registered-models/create', { name }, signal);
  } catch (error) {
    if (!(error instanceof MlflowRefused) || error.errorCode !== 'RESOURCE_ALREADY_EXISTS') throw error;
  }
  const source = `models:/${model.id}`;
  const found = (await client.get(
    'model-versions/search',
    { filter: `run_id = '${run.runId}'`, max_results: '1000' },
    signal,
  )) as { model_versions?: { name: string; source?: string; model_id?: string }[] };
  const versions = found.model_versions ?? [];
  if (
    versions.some(
      (version) => version.name === name && (version.model_id === model.id || version.source === source),
    )
  )
    return;
  await client.post(
    'model-versions/create',
    { name, source, run_id: run.runId, model_id: model.id },
    signal,
    {
      once: true,
    },
  );
}

/** MLflow's description of a model folder, which the page and `mlflow.models` read. */
export function modelDescription(
  run: ModelRun,
  model: LoggedModel,
  artifact: SinkArtifact,
  files: readonly string[],
): string {
  const created = new Date(artifact.time).toISOString().replace('T', ' ').replace('Z', '000');
  return [
    `artifact_path: ${JSON.stringify(model.artifactUri)}`,
    'flavors:',
    '  llm_otel:',
    `    files: ${JSON.stringify(files)}`,
    `    sha256: ${JSON.stringify(artifact.sha256)}`,
    `model_id: ${model.id}`,
    `model_size_bytes: ${artifact.size}`,
    `run_id: ${run.runId}`,
    `utc_time_created: '${created}'`,
    '',
  ].join('\n');
}

/** Characters that a model's name must not hold (mlflow/utils/validation.py). */
function modelName(name: string): string {
  return name.replaceAll(/[/:.%"']/g, '_');
}

const NO_PARAMS: ReadonlySet<string> = new Set(['model_type', 'registered_model_name', 'step', 'files']);

function modelParams(metadata: SinkMap): SinkMap {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !NO_PARAMS.has(key)));
}

function read({ info }: ModelReply): LoggedModel {
  return { id: info.model_id, artifactUri: info.artifact_uri ?? '' };
}
