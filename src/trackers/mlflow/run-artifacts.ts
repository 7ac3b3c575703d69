import { localFiles } from '../local-files.ts';
import type { SinkArtifact } from '../sink.ts';
import type { MlflowClient } from './client.ts';
import type { MlflowSettings } from './config.ts';
import { datasetInput } from './dataset.ts';
import { proxiedRoot, safeName, uploadFile } from './files.ts';
import { mlflowKey } from './keys.ts';
import { finishModel, loggedModel, modelDescription, registerModel } from './model.ts';
import type { MlflowRun } from './run.ts';
import type { RunLog } from './run-log.ts';
import { tag } from './tags.ts';

/** How what a run recorded as artifacts comes to MLflow: as dataset input, as logged model, as files. */
export class RunArtifacts {
  readonly #client: MlflowClient;
  readonly #settings: MlflowSettings;
  readonly #run: MlflowRun;
  readonly #log: RunLog;
  readonly #warn: (message: string) => void;

  constructor(options: {
    readonly client: MlflowClient;
    readonly settings: MlflowSettings;
    readonly run: MlflowRun;
    readonly log: RunLog;
    readonly warn: (message: string) => void;
  }) {
    this.#client = options.client;
    this.#settings = options.settings;
    this.#run = options.run;
    this.#log = options.log;
    this.#warn = options.warn;
  }

  /** The file itself is not sent. */
  async dataset(artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    await this.#client.post(
      'runs/log-inputs',
      { run_id: this.#run.id, datasets: [datasetInput(artifact)] },
      signal,
    );
  }

  async files(artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    await this.#upload(this.#run.artifactUri, safeName(artifact.name), artifact, signal);
  }

  /** `lastStep`: of the run, for a model whose metadata name none. */
  async model(artifact: SinkArtifact, lastStep: number, signal?: AbortSignal): Promise<void> {
    const { experimentId, id } = this.#run;
    const modelRun = { experimentId, runId: id };
    const model = await loggedModel(this.#client, modelRun, artifact, signal);
    const root = proxiedRoot(model.artifactUri);
    const names = await this.#upload(model.artifactUri, safeName(artifact.name), artifact, signal);
    if (root !== undefined && this.#settings.uploadArtifacts && !names.includes('MLmodel')) {
      const description = modelDescription(modelRun, model, artifact, names);
      await this.#client.putArtifact(`${root}/MLmodel`, description, signal);
    }
    const step = Number(artifact.metadata['step'] ?? lastStep);
    await finishModel(this.#client, modelRun, model, Number.isSafeInteger(step) ? step : lastStep, signal);
    const registered = artifact.metadata['registered_model_name'] ?? this.#settings.registeredModelName;
    if (typeof registered === 'string' && registered !== '')
      await registerModel(this.#client, registered, modelRun, model, signal);
  }

  /** Sends an artifact's files; names of those sent. What cannot be sent is told, and named in a tag. */
  async #upload(
    artifactUri: string,
    name: string,
    artifact: SinkArtifact,
    signal?: AbortSignal,
  ): Promise<string[]> {
    const root = proxiedRoot(artifactUri);
    const files =
      root === undefined || !this.#settings.uploadArtifacts ? [] : await localFiles(artifact.path, name);
    const sent: string[] = [];
    const left: string[] = [];
    for (const file of files ?? []) {
      if (file.size > this.#settings.maxArtifactBytes) left.push(file.name);
      else {
        await uploadFile(this.#client, root ?? '', file, signal);
        sent.push(file.name);
      }
    }
    const why = this.#leftOut(root, artifactUri, files === undefined, left);
    if (why !== undefined) {
      if (this.#settings.uploadArtifacts)
        this.#warn(`The artifact ${artifact.name} is not in MLflow: ${why}.`);
      const { path, size, sha256, kind } = artifact;
      await this.#log.tags(
        [tag(mlflowKey(`llm.artifact.${artifact.name}`), JSON.stringify({ path, kind, size, sha256 }))],
        signal,
      );
    }
    return sent;
  }

  #leftOut(
    root: string | undefined,
    artifactUri: string,
    missing: boolean,
    left: readonly string[],
  ): string | undefined {
    if (!this.#settings.uploadArtifacts) return 'uploads are switched off';
    if (root === undefined)
      return `the experiment keeps its files in ${artifactUri.split(':')[0]}:, where only a client with that store's credentials can write; use the server's artifact proxy (mlflow server --artifacts-destination ...)`;
    if (missing) return 'its file is gone';
    if (left.length > 0)
      return `${left.join(', ')} is larger than ${this.#settings.maxArtifactBytes} bytes (option maxArtifactBytes)`;
    return undefined;
  }
}
