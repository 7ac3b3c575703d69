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
import { MlflowClient } from './client.ts';
import { fillName, type MlflowSettings } from './config.ts';
import { experimentIdOf } from './experiment.ts';
import { hasNonFinite, MAX_METRICS, metricsOf } from './metrics.ts';
import { fitNotes, noteLine } from './notes.ts';
import { createRun, findRun, getRun, type MlflowRun, updateRun } from './run.ts';
import { RunArtifacts } from './run-artifacts.ts';
import { RunLog } from './run-log.ts';
import { type KeyValue, paramPairs, runTags, tag, tagPairs } from './tags.ts';

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

interface OpenRun {
  readonly run: MlflowRun;
  readonly log: RunLog;
  readonly artifacts: RunArtifacts;
}

/**
 * One run in MLflow, through its REST API. What is sent again changes nothing: the server keeps one of equal points,
 * parameters and tags; runs and models are found again by a tag.
 */
export class MlflowSink implements RunSink {
  readonly name = 'mlflow';
  readonly target: string;
  readonly anyOrder = true;
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
  #open: OpenRun | undefined;
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
    if (!this.#open) return undefined;
    return {
      runId: this.#open.run.id,
      notes: this.#notes,
      nonFinite: this.#nonFinite,
      lastStep: this.#lastStep,
    };
  }

  spanAttributes(): Readonly<Record<string, string>> | undefined {
    const run = this.#open?.run;
    return run && { [ATTR.mlflowExperimentId]: run.experimentId, [ATTR.mlflowRunId]: run.id };
  }

  url(): string | undefined {
    const run = this.#open?.run;
    return run && `${this.#settings.base}/#/experiments/${run.experimentId}/runs/${run.id}`;
  }

  async open(run: SinkRun, context?: SinkContext, signal?: AbortSignal): Promise<void> {
    this.#warn = context?.warn ?? (() => {});
    this.#recall(context?.state);
    const known = context?.state?.['runId'];
    const found =
      typeof known === 'string' ? await getRun(this.#client, known, signal) : await this.#begin(run, signal);
    if (found.status !== 'RUNNING')
      await updateRun(this.#client, { run_id: found.id, status: 'RUNNING' }, signal);
    const client = this.#client;
    const log = new RunLog(client, found);
    this.#open = {
      run: found,
      log,
      artifacts: new RunArtifacts({
        client,
        settings: this.#settings,
        run: found,
        log,
        warn: (message) => this.#warn(message),
      }),
    };
    if (known === undefined) {
      // once: what was recorded later must not be overwritten by what the run began with
      await log.params(paramPairs(run.params), signal);
      await log.tags(tagPairs(run.tags), signal);
    }
    if (run.attempt > 1) await log.tags([tag('llm.run.attempt', String(run.attempt))], signal);
  }

  async write(batch: readonly SinkRecord[], signal?: AbortSignal): Promise<void> {
    const { log } = this.#opened();
    for (const record of batch)
      if (record.kind === 'params') await log.params(paramPairs(record.params), signal);
    const tags = batch.flatMap((record) => (record.kind === 'tags' ? tagPairs(record.tags) : []));
    const notes = batch.filter((record) => record.kind === 'note');
    // a note that comes twice is there once
    const description = fitNotes([...new Set([...this.#notes, ...notes.map(noteLine)])]);
    if (notes.length > 0) tags.push(tag('mlflow.note.content', description.join('\n')));
    const nonFinite = this.#nonFinite || hasNonFinite(batch);
    if (nonFinite && !this.#nonFinite) tags.push(NON_FINITE);
    await log.tags(tags, signal);
    await log.metrics(metricsOf(batch), signal);
    // remembered only now: had a request failed, the batch would come again
    this.#notes = description;
    this.#nonFinite = nonFinite;
    for (const record of batch) if (record.kind === 'step') this.#lastStep = record.step;
  }

  async artifact(artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    const { artifacts } = this.#opened();
    if (artifact.kind === 'dataset') await artifacts.dataset(artifact, signal);
    else if (artifact.kind === 'model') await artifacts.model(artifact, this.#lastStep, signal);
    else await artifacts.files(artifact, signal);
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    signal?: AbortSignal,
    endedAt = Date.now(),
  ): Promise<void> {
    if (status !== undefined) {
      const { run, log } = this.#opened();
      await log.summary(summary, endedAt, signal);
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
      await new RunLog(client, existing).tags(tags, signal);
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

  #opened(): OpenRun {
    if (!this.#open) throw new SinkRefused('The run is not open');
    return this.#open;
  }
}

/** Who runs it, as the page's User column shows it. */
function user(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env['USER'] ?? 'unknown';
  }
}
