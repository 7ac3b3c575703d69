import { userInfo } from 'node:os';
import { ATTR, type RunEndStatus } from '../../conventions/index.ts';
import type {
  RunSink,
  SinkArtifact,
  SinkContext,
  SinkLimits,
  SinkMap,
  SinkRecord,
  SinkRun,
  SinkState,
} from '../sink.ts';
import { SinkRefused, SinkUnavailable } from '../sink-errors.ts';
import { isOlder } from './check.ts';
import { MlflowClient, MlflowRefused } from './client.ts';
import { fillName, type MlflowSettings } from './config.ts';
import { datasetInput } from './dataset.ts';
import { experimentIdOf } from './experiment.ts';
import { localFiles, proxiedRoot, safeName, uploadFile } from './files.ts';
import {
  hasNonFinite,
  MAX_METRICS,
  metricRequests,
  metricsOf,
  metricText,
  type MetricText,
} from './metrics.ts';
import { finishModel, loggedModel, modelDescription, registerModel } from './model.ts';
import { fitNotes, noteLine } from './notes.ts';
import { createRun, findRun, getRun, type MlflowRun, updateRun } from './run.ts';
import { type KeyValue, MAX_PAIRS, paramPairs, runTags, tag, tagPairs } from './tags.ts';
import { mlflowKey } from './keys.ts';

const STATUS: Readonly<Record<RunEndStatus, string>> = {
  finished: 'FINISHED',
  failed: 'FAILED',
  killed: 'KILLED',
};

const NON_FINITE: KeyValue = {
  key: 'nonfinite',
  value:
    'true: NaN is kept; MLflow stores Infinity and -Infinity as 1.7976931348623157e+308 and its negative',
};

/**
 * One run in MLflow, through its REST API. What is sent again changes nothing: the server keeps one of equal points,
 * parameters and tags; runs and models are found again by a tag.
 */
export class MlflowSink implements RunSink {
  readonly name = 'mlflow';
  readonly target: string;
  /** One full request in flight is about as fast as several, and leaves the server air to answer its page. */
  readonly limits: SinkLimits = {
    maxRecords: MAX_METRICS,
    maxValues: MAX_METRICS,
    maxBytes: 512 * 1024,
    lingerMs: 2000,
    callTimeoutMs: 600_000,
  };
  readonly #settings: MlflowSettings;
  readonly #client: MlflowClient;
  #warn: (message: string) => void = () => {};
  #run: MlflowRun | undefined;
  #params = new Map<string, string>();
  #notes: string[] = [];
  #nonFinite = false;
  #lastStep = 0;

  constructor(settings: MlflowSettings, client = new MlflowClient(settings)) {
    this.#settings = settings;
    this.#client = client;
    const experiment = settings.experimentId ?? settings.experimentName;
    this.target = experiment === undefined ? settings.base : `${settings.base} ${experiment}`;
  }

  state(): SinkState | undefined {
    if (!this.#run) return undefined;
    return {
      runId: this.#run.id,
      notes: this.#notes,
      nonFinite: this.#nonFinite,
      lastStep: this.#lastStep,
    };
  }

  spanAttributes(): Readonly<Record<string, string>> | undefined {
    return (
      this.#run && { [ATTR.mlflowExperimentId]: this.#run.experimentId, [ATTR.mlflowRunId]: this.#run.id }
    );
  }

  url(): string | undefined {
    return this.#run && `${this.#settings.base}/#/experiments/${this.#run.experimentId}/runs/${this.#run.id}`;
  }

  async open(run: SinkRun, context?: SinkContext, signal?: AbortSignal): Promise<void> {
    this.#warn = context?.warn ?? (() => {});
    this.#recall(context?.state);
    const known = context?.state?.['runId'];
    const found =
      typeof known === 'string' ? await getRun(this.#client, known, signal) : await this.#begin(run, signal);
    if (found.status !== 'RUNNING')
      await updateRun(this.#client, { run_id: found.id, status: 'RUNNING' }, signal);
    this.#run = found;
    this.#params = new Map(found.params);
    if (known === undefined) {
      // once: what was recorded later must not be overwritten by what the run began with
      await this.#logParams(paramPairs(run.params), signal);
      await this.#logTags(tagPairs(run.tags), signal);
    }
    if (run.attempt > 1) await this.#logTags([tag('llm.run.attempt', String(run.attempt))], signal);
  }

  async write(batch: readonly SinkRecord[], signal?: AbortSignal): Promise<void> {
    for (const record of batch)
      if (record.kind === 'params') await this.#logParams(paramPairs(record.params), signal);
    const tags = batch.flatMap((record) => (record.kind === 'tags' ? tagPairs(record.tags) : []));
    const notes = batch.filter((record) => record.kind === 'note');
    const description = fitNotes([...this.#notes, ...notes.map(noteLine)]);
    if (notes.length > 0) tags.push(tag('mlflow.note.content', description.join('\n')));
    const nonFinite = this.#nonFinite || hasNonFinite(batch);
    if (nonFinite && !this.#nonFinite) tags.push(NON_FINITE);
    await this.#logTags(tags, signal);
    await this.#logMetrics(metricsOf(batch), signal);
    // remembered only now: had a request failed, the batch would come again
    this.#notes = description;
    this.#nonFinite = nonFinite;
    for (const record of batch) if (record.kind === 'step') this.#lastStep = record.step;
  }

  async artifact(artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    const run = this.#opened();
    if (artifact.kind === 'dataset') {
      await this.#client.post(
        'runs/log-inputs',
        { run_id: run.id, datasets: [datasetInput(artifact)] },
        signal,
      );
      return;
    }
    if (artifact.kind === 'model') await this.#model(run, artifact, signal);
    else await this.#upload(run.artifactUri, safeName(artifact.name), artifact, signal);
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    signal?: AbortSignal,
    endedAt = Date.now(),
  ): Promise<void> {
    if (status !== undefined) {
      const run = this.#opened();
      await this.#logSummary(summary, endedAt, signal);
      await updateRun(
        this.#client,
        { run_id: run.id, status: STATUS[status], end_time: Math.floor(endedAt) },
        signal,
      );
    }
    this.#client.close();
  }

  #recall(state: SinkState | undefined): void {
    if (!state) return;
    if (Array.isArray(state['notes'])) this.#notes = state['notes'].map(String);
    this.#nonFinite = state['nonFinite'] === true;
    this.#lastStep = Number(state['lastStep'] ?? 0);
  }

  async #begin(run: SinkRun, signal?: AbortSignal): Promise<MlflowRun> {
    const settings = this.#settings;
    const client = this.#client;
    await this.#checkVersion(signal);
    const given = fillName(settings.runName, run);
    const runName = run.rank > 0 ? `${given} rank ${run.rank}` : given;
    const tags = runTags(run, runName, user());
    if (settings.runId !== undefined && run.rank === 0) {
      const existing = await getRun(client, settings.runId, signal);
      await this.#send(existing.id, { tags }, signal);
      return existing;
    }
    const name = fillName(settings.experimentName ?? run.project, run);
    const experimentId =
      settings.experimentId ??
      (await experimentIdOf(client, name, {
        artifactLocation: settings.artifactLocation,
        warn: this.#warn,
        signal,
      }));
    const earlier = await findRun(client, experimentId, run, signal);
    if (earlier) return earlier;
    if (run.rank > 0 && settings.nested) {
      const parent = await findRun(client, experimentId, { id: run.id, rank: 0 }, signal);
      if (!parent)
        throw new SinkUnavailable(`The run of rank 0 is not in MLflow yet; rank ${run.rank} waits for it`);
      tags.push(tag('mlflow.parentRunId', parent.id));
    }
    return createRun(
      client,
      {
        experimentId,
        name: runName,
        startedAt: run.startedAt,
        user: user(),
        tags,
      },
      signal,
    );
  }

  async #checkVersion(signal?: AbortSignal): Promise<void> {
    const { status, text } = await this.#client.raw('/version', signal);
    const [, major = 0, minor = 0] = (/^(\d+)\.(\d+)/.exec(text.trim()) ?? []).map(Number);
    if (status === 200 && major > 0 && isOlder(major, minor))
      this.#warn(
        `The MLflow server is ${text.trim()}; 3.10 or newer is expected, and older ones may lose records.`,
      );
  }

  /** Parameters cannot be changed in MLflow: another value becomes a tag `param_changed.<key>`. */
  async #logParams(pairs: readonly KeyValue[], signal?: AbortSignal): Promise<void> {
    const run = this.#opened();
    const fresh = new Map<string, string>();
    const changed: KeyValue[] = [];
    for (const { key, value } of pairs) {
      const had = this.#params.get(key);
      if (had === undefined) fresh.set(key, value);
      else if (had !== value) changed.push(tag(mlflowKey(`param_changed.${key}`), value));
    }
    for (const params of portions([...fresh].map(([key, value]) => ({ key, value })))) {
      await this.#send(run.id, { params }, signal);
      for (const { key, value } of params) this.#params.set(key, value);
    }
    await this.#logTags(changed, signal);
  }

  async #logTags(pairs: readonly KeyValue[], signal?: AbortSignal): Promise<void> {
    const run = this.#opened();
    // one key twice in a request: the later one counts
    const unique = [...new Map(pairs.map((pair) => [pair.key, pair])).values()];
    for (const tags of portions(unique)) await this.#send(run.id, { tags }, signal);
  }

  async #logMetrics(metrics: readonly MetricText[], signal?: AbortSignal): Promise<void> {
    const run = this.#opened();
    for (const request of metricRequests(metrics)) {
      try {
        await this.#sendMetrics(run.id, request, signal);
      } catch (error) {
        if (!isResentNaN(error)) throw error;
        await this.#sendApart(run.id, request, signal);
      }
    }
  }

  /**
   * Servers before the middle of 2026 answer 400 to a NaN that they have already (mlflow/mlflow#24683): numbers go
   * together, each NaN alone, and one that is there already is there.
   */
  async #sendApart(runId: string, metrics: readonly MetricText[], signal?: AbortSignal): Promise<void> {
    await this.#sendMetrics(
      runId,
      metrics.filter(({ isNaN }) => !isNaN),
      signal,
    );
    for (const metric of metrics.filter(({ isNaN }) => isNaN)) {
      try {
        await this.#sendMetrics(runId, [metric], signal);
      } catch (error) {
        if (!isResentNaN(error)) throw error;
      }
    }
  }

  async #sendMetrics(runId: string, metrics: readonly MetricText[], signal?: AbortSignal): Promise<void> {
    if (metrics.length === 0) return;
    const list = metrics.map(({ text }) => text).join(',');
    await this.#logBatch(`{"run_id":${JSON.stringify(runId)},"metrics":[${list}]}`, signal);
  }

  /** Parameters, tags and metrics go apart: one that is refused takes its whole request with it. */
  async #send(
    runId: string,
    content: { params: readonly KeyValue[] } | { tags: readonly KeyValue[] },
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#logBatch({ run_id: runId, ...content }, signal);
  }

  /** A run that was deleted meanwhile takes nothing: that is not the records' fault, and they wait. */
  async #logBatch(body: object | string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#client.post('runs/log-batch', body, signal);
    } catch (error) {
      if (!isRunGone(error)) throw error;
      throw new SinkUnavailable(
        `The run was deleted in MLflow (${error.message}); restore it there, or it gets no more records`,
        { cause: error },
      );
    }
  }

  async #logSummary(summary: SinkMap, time: number, signal?: AbortSignal): Promise<void> {
    const metrics: MetricText[] = [];
    const tags: KeyValue[] = [];
    for (const { key, value } of paramPairs(summary)) {
      const number = summary[key];
      if (typeof number === 'number') metrics.push(metricText(`summary/${key}`, number, time, 0));
      else tags.push(tag(mlflowKey(`summary.${key}`), value));
    }
    await this.#logMetrics(metrics, signal);
    await this.#logTags(tags, signal);
  }

  async #model(run: MlflowRun, artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    const modelRun = { experimentId: run.experimentId, runId: run.id };
    const model = await loggedModel(this.#client, modelRun, artifact, signal);
    const root = proxiedRoot(model.artifactUri);
    const names = await this.#upload(model.artifactUri, safeName(artifact.name), artifact, signal);
    if (root !== undefined && this.#settings.uploadArtifacts && !names.includes('MLmodel')) {
      const description = modelDescription(modelRun, model, artifact, names);
      await this.#client.putArtifact(`${root}/MLmodel`, description, signal);
    }
    const step = Number(artifact.metadata['step'] ?? this.#lastStep);
    await finishModel(
      this.#client,
      modelRun,
      model,
      Number.isSafeInteger(step) ? step : this.#lastStep,
      signal,
    );
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
      await this.#logTags(
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

  #opened(): MlflowRun {
    if (!this.#run) throw new SinkRefused('The run is not open');
    return this.#run;
  }
}

function* portions<T>(pairs: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < pairs.length; start += MAX_PAIRS) yield pairs.slice(start, start + MAX_PAIRS);
}

function isRunGone(error: unknown): error is MlflowRefused {
  return (
    error instanceof MlflowRefused &&
    (error.errorCode === 'RESOURCE_DOES_NOT_EXIST' ||
      error.errorCode === 'INVALID_STATE' ||
      /must be in the 'active' state/.test(error.message))
  );
}

function isResentNaN(error: unknown): boolean {
  return (
    error instanceof MlflowRefused && /UNIQUE constraint|IntegrityError|duplicate key/i.test(error.message)
  );
}

/** Who runs it, as the page's User column shows it. */
function user(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env['USER'] ?? 'unknown';
  }
}
