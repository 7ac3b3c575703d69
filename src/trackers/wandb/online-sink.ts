import type { RunEndStatus } from '../../conventions/index.ts';
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
import { type Alert, ALERT_WAIT_MS, alertOf } from './alerts.ts';
import { describeArtifact } from './artifact/description.ts';
import { artifactToSend } from './artifact/to-send.ts';
import { uploadArtifact } from './artifact/upload.ts';
import { type RunPath, WandbClient } from './client.ts';
import { codeFiles } from './code-files.ts';
import type { WandbSettings } from './config.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { type Bucket, NOTIFY_ALERT, UPSERT_BUCKET } from './graphql.ts';
import { takesHistogram } from './histogram-columns.ts';
import { OWN_STEP } from './history-rows.ts';
import { resumedRun } from './resume.ts';
import { RunConfig } from './run-config.ts';
import { runMetadata, wandbGroup, wandbProject, wandbRunId, wandbTags } from './run-facts.ts';
import { newStream, StreamDraft, streamOf, type StreamState } from './stream-draft.ts';

/** W&B's own client posts every 15 s, and a heartbeat after 30 s; self-managed servers take two posts a second. */
const LIMITS: SinkLimits = {
  maxRecords: 10_000,
  maxValues: 100_000,
  maxBytes: 4 * 1024 * 1024,
  minIntervalMs: 500,
  lingerMs: 15_000,
  heartbeatMs: 30_000,
  // an artifact of many gigabytes is one call
  callTimeoutMs: 600_000,
};
/** Lines that are longer are refused. */
const MAX_LINE_BYTES = 10 * 1024 * 1024 - 100 * 1024;

/** A run at a W&B server, written as W&B's own client writes it: `UpsertBucket`, then the file stream. */
export class WandbOnlineSink implements RunSink {
  readonly name = 'wandb';
  readonly target: string;
  readonly limits = LIMITS;
  readonly #settings: WandbSettings;
  readonly #client: WandbClient;
  #context: SinkContext | undefined;
  #path: RunPath | undefined;
  #bucket: string | undefined;
  #stream: StreamState = newStream(0);
  #config = new RunConfig();
  #tags: string[] = [];
  /** Highest `seq` of a note that was made an alert. */
  #alerted = -1;
  #filesSent = false;
  /** Files that are there and not yet named in the stream. */
  #uploaded: string[] = [];

  constructor(settings: WandbSettings, client = new WandbClient(settings)) {
    this.#settings = settings;
    this.#client = client;
    this.target = [settings.baseUrl, settings.entity, settings.project]
      .filter((part) => part !== undefined)
      .join('/');
  }

  async open(run: SinkRun, context?: SinkContext, signal?: AbortSignal): Promise<void> {
    this.#context = context;
    const state = context?.state;
    const stream = streamOf(state);
    if (stream) await this.#reopen(run, stream, state as SinkState, signal);
    else await this.#begin(run, signal);
    if (!this.#filesSent) await this.#sendFiles(run, signal);
  }

  async #begin(run: SinkRun, signal?: AbortSignal): Promise<void> {
    const settings = this.#settings;
    const [entity, project, name] = [
      settings.entity ?? null,
      wandbProject(run, settings),
      wandbRunId(run, settings),
    ];
    // an id that somebody chose may be a run that is there already
    const before =
      settings.runId === undefined && settings.resume === 'allow'
        ? undefined
        : await resumedRun(this.#client, { entity, project, name }, settings, signal);
    const metadata = runMetadata(run, settings);
    const git = metadata['git'] as { remote?: string; commit?: string } | undefined;
    this.#config = new RunConfig(before?.config);
    this.#config.describe(run.id, metadata);
    this.#config.set(run.params);
    this.#tags = [...new Set([...(before?.tags ?? []), ...settings.tags, ...wandbTags(run.tags)])];
    await this.#upsert(
      {
        id: before?.bucket ?? null,
        name,
        project,
        entity,
        groupName: wandbGroup(run, settings) ?? null,
        displayName: before ? (settings.name ?? null) : (settings.name ?? run.name),
        notes: settings.notes ?? null,
        commit: git?.commit ?? null,
        repo: git?.remote ?? null,
        host: run.host ?? null,
        program: metadata['program'] ?? null,
        jobType: settings.jobType ?? null,
        config: this.#config.text(),
        tags: this.#tags,
      },
      signal,
    );
    this.#stream = before?.stream ?? newStream(run.startedAt);
    this.#filesSent = false;
  }

  async #reopen(run: SinkRun, stream: StreamState, state: SinkState, signal?: AbortSignal): Promise<void> {
    const path = state['path'] as unknown as RunPath;
    const { id, name, project, entity } = { id: state['bucket'], name: path.run, ...path };
    const bucket = await this.#upsert({ id, name, project, entity }, signal);
    // what is there now is newer than what the run started with
    this.#config = new RunConfig(bucket.config ?? undefined);
    this.#tags = state['tags'] as string[];
    this.#stream = stream;
    this.#alerted = Number(state['alerted'] ?? -1);
    this.#filesSent = state['files'] === true;
    if (this.#config.fill(run.params))
      await this.#upsert({ id, name, project, entity, config: this.#config.text() }, signal);
  }

  async write(batch: readonly SinkRecord[], signal?: AbortSignal): Promise<void> {
    await this.#update(batch, signal);
    const draft = new StreamDraft(this.#stream);
    for (const record of batch) if (this.#takes(record)) draft.add(record);
    await this.#post(draft, undefined, signal);
    for (const record of batch) {
      const alert = alertOf(record, this.#settings.alerts);
      if (alert && alert.seq > this.#alerted) await this.#alert(alert, signal);
    }
  }

  async artifact(artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    const files = await artifactToSend(artifact, this.#settings, (message) => this.#context?.warn(message));
    if (!files) return;
    const path = this.#place();
    const { last, open } = this.#stream.rows;
    await uploadArtifact(
      this.#client,
      { path, artifact: describeArtifact(artifact, path), files, historyStep: (open?.step ?? last) + 1 },
      signal,
    );
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    signal?: AbortSignal,
    endedAt = Date.now(),
  ): Promise<void> {
    if (this.#path) {
      const draft = new StreamDraft(this.#stream);
      draft.flush();
      if (status !== undefined) {
        draft.summarize(summary);
        draft.end(endedAt);
      }
      if (status !== undefined || Object.keys(draft.files()).length > 0)
        await this.#post(draft, status === undefined ? undefined : EXIT_CODES[status], signal);
    }
    this.#client.close();
  }

  state(): SinkState | undefined {
    if (!this.#path) return undefined;
    return {
      path: { ...this.#path },
      bucket: this.#bucket ?? null,
      stream: this.#stream,
      tags: this.#tags,
      alerted: this.#alerted,
      files: this.#filesSent,
    };
  }

  url(): string | undefined {
    if (!this.#path) return undefined;
    const { entity, project, run } = this.#path;
    return `${this.#settings.appUrl}/${[entity, project, 'runs', run].map(encodeURIComponent).join('/')}`;
  }

  #takes(record: SinkRecord): boolean {
    if (record.kind === 'histogram') return takesHistogram(record, this.#settings);
    return record.kind !== 'console' || this.#settings.console;
  }

  #place(): RunPath {
    if (!this.#path) throw new SinkUnavailable('the run is not open at W&B');
    return this.#path;
  }

  async #upsert(variables: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Bucket> {
    const data = await this.#client.graphql('UpsertBucket', UPSERT_BUCKET, variables, signal);
    const { bucket } = (data as { upsertBucket: { bucket: Bucket } }).upsertBucket;
    this.#path = { entity: bucket.project.entity.name, project: bucket.project.name, run: bucket.name };
    this.#bucket = bucket.id;
    return bucket;
  }

  /** Parameters and tags, when the batch has new ones. */
  async #update(batch: readonly SinkRecord[], signal?: AbortSignal): Promise<void> {
    let changed = false;
    const tags = new Set(this.#tags);
    for (const record of batch) {
      if (record.kind === 'params') changed = this.#config.set(record.params) || changed;
      if (record.kind === 'tags') for (const tag of wandbTags(record.tags)) tags.add(tag);
    }
    const moreTags = tags.size > this.#tags.length;
    if (!changed && !moreTags && !this.#config.unsent) return;
    const { run, ...where } = this.#place();
    this.#config.unsent = true;
    await this.#upsert(
      {
        id: this.#bucket,
        name: run,
        ...where,
        config: this.#config.text(),
        ...(moreTags ? { tags: [...tags] } : {}),
      },
      signal,
    );
    this.#config.unsent = false;
    this.#tags = [...tags];
  }

  async #post(draft: StreamDraft, exitCode: number | undefined, signal?: AbortSignal): Promise<void> {
    const files = draft.files();
    for (const { content } of Object.values(files))
      for (const line of content)
        if (line.length > MAX_LINE_BYTES / 3 && Buffer.byteLength(line) > MAX_LINE_BYTES)
          throw new SinkRefused(
            `a row of ${Buffer.byteLength(line)} bytes is more than W&B takes (${MAX_LINE_BYTES})`,
          );
    const uploaded = this.#uploaded;
    const stopped = await this.#client.stream(
      this.#place(),
      { files, uploaded, ...(exitCode === undefined ? {} : { exitCode }) },
      signal,
    );
    if (draft.shifted && !this.#stream.rows.shifted)
      this.#context?.warn(
        `steps went back, and W&B's cannot: rows go on with the next free step, the program's own is in ${OWN_STEP}.`,
      );
    this.#stream = draft.next();
    this.#uploaded = [];
    if (stopped) this.#context?.requestStop('the Stop button of the W&B page');
  }

  async #alert(alert: Alert, signal?: AbortSignal): Promise<void> {
    const { entity, project, run } = this.#place();
    try {
      await this.#client.graphql(
        'NotifyScriptableRunAlert',
        NOTIFY_ALERT,
        {
          entityName: entity,
          projectName: project,
          runName: run,
          title: alert.title,
          text: alert.text,
          severity: alert.level,
          waitDuration: ALERT_WAIT_MS,
        },
        signal,
        { once: true },
      );
    } catch (error) {
      // the note itself is in the log already: a lost mail is no reason to send a batch again
      this.#context?.warn(`an alert was not taken: ${(error as Error).message}`);
    }
    this.#alerted = alert.seq;
  }

  /** What the page shows of where the run comes from, and its code when asked for. They are no reason to fail. */
  async #sendFiles(run: SinkRun, signal?: AbortSignal): Promise<void> {
    const files: { path: string; bytes: Uint8Array | string }[] = [
      { path: 'wandb-metadata.json', bytes: JSON.stringify(runMetadata(run, this.#settings), undefined, 2) },
    ];
    if (this.#settings.logCode)
      files.push(...(await codeFiles(run, (message) => this.#context?.warn(message))));
    try {
      for (const { path, bytes } of files) {
        await this.#client.upload(this.#place(), path, bytes, signal);
        this.#uploaded.push(path);
      }
    } catch (error) {
      this.#context?.warn(`files beside the run were not taken: ${(error as Error).message}`);
    }
    this.#filesSent = true;
  }
}
