import { copyFile, mkdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { RunEndStatus } from '../../../conventions/index.ts';
import { AppendFile } from '../../local/append-file.ts';
import type {
  RunSink,
  SinkArtifact,
  SinkContext,
  SinkLimits,
  SinkMap,
  SinkRecord,
  SinkRun,
  SinkState,
} from '../../sink.ts';
import { SinkUnavailable } from '../../sink-errors.ts';
import { alertOf } from '../alerts.ts';
import { describeArtifact } from '../artifact/description.ts';
import type { ArtifactFile } from '../artifact/manifest.ts';
import { artifactToSend } from '../artifact/to-send.ts';
import { codeFiles } from '../code-files.ts';
import type { WandbSettings } from '../config.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { takesHistogram } from '../histogram-columns.ts';
import { OWN_STEP } from '../history-rows.ts';
import { configValue, runMetadata, wandbGroup, wandbProject, wandbRunId, wandbTags } from '../run-facts.ts';
import { OfflineDraft, newOffline, type OfflineState } from './offline-draft.ts';
import {
  alertRecord,
  artifactRecord,
  configRecord,
  environmentRecord,
  exitRecord,
  filesRecord,
  headerRecord,
  type OfflineRun,
  runRecord,
} from './records.ts';
import { frameRecords } from './transaction-log.ts';

const LIMITS: SinkLimits = {
  maxRecords: 10_000,
  maxValues: 200_000,
  maxBytes: 8 * 1024 * 1024,
  lingerMs: 1000,
};

/**
 * A run as a folder that the real `wandb sync` uploads: `wandb/offline-run-<time>-<id>/run-<id>.wandb`.
 *
 * The file is cut to what is remembered and written on from there, so records that come twice are in it once. A run
 * that ended and was uploaded goes on in a folder of its own, which `wandb sync` joins by the run's id.
 */
export class WandbOfflineSink implements RunSink {
  readonly name = 'wandb-offline';
  readonly target: string;
  readonly limits = LIMITS;
  readonly #settings: WandbSettings;
  #context: SinkContext | undefined;
  #run: OfflineRun | undefined;
  #path: string | undefined;
  #file: AppendFile | undefined;
  #state: OfflineState = newOffline(0);

  constructor(settings: WandbSettings) {
    this.#settings = settings;
    this.target = join(settings.dir, 'wandb');
  }

  async open(run: SinkRun, context?: SinkContext): Promise<void> {
    this.#context = context;
    const settings = this.#settings;
    const metadata = runMetadata(run, settings);
    const remembered = context?.state as
      | { path?: string; offline?: OfflineState; tags?: string[] }
      | undefined;
    const before = remembered?.offline;
    this.#run = {
      id: wandbRunId(run, settings),
      entity: settings.entity,
      project: wandbProject(run, settings),
      displayName: settings.name ?? run.name,
      group: wandbGroup(run, settings),
      jobType: settings.jobType,
      notes: settings.notes,
      tags: remembered?.tags ?? [...new Set([...settings.tags, ...wandbTags(run.tags)])],
      host: run.host,
      config: configValue(run.params) as SinkMap,
      startedAt: run.startedAt,
      git: metadata['git'] as OfflineRun['git'],
    };
    if (before && remembered.path !== undefined && (await isThere(remembered.path, before.position))) {
      this.#path = remembered.path;
      this.#file = new AppendFile(this.#path);
      // an end that was written is taken back: the run goes on
      this.#state = { ...before, position: before.beforeEnd ?? before.position, beforeEnd: null };
      return;
    }
    const begun = before ? Date.now() : run.startedAt;
    this.#path = join(this.target, folderName(begun, this.#run.id), `run-${this.#run.id}.wandb`);
    await mkdir(join(dirname(this.#path), 'files'), { recursive: true });
    this.#file = new AppendFile(this.#path);
    const start = before ? { ...before, position: 0, beforeEnd: null } : newOffline(run.startedAt);
    const records = [
      headerRecord(),
      runRecord({ ...this.#run, startedAt: begun }),
      environmentRecord(metadata, run.startedAt),
    ];
    if (settings.logCode && !before)
      for (const { path, bytes } of await codeFiles(run, (message) => context?.warn(message))) {
        const target = join(dirname(this.#path), 'files', path);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, bytes);
        records.push(filesRecord(path));
      }
    await this.#append(records, start);
  }

  async write(batch: readonly SinkRecord[]): Promise<void> {
    if (batch.length === 0) return;
    const draft = new OfflineDraft(this.#state);
    let run = this.#opened().run;
    for (const record of batch) {
      if (record.kind === 'histogram' && !takesHistogram(record, this.#settings)) continue;
      if (record.kind === 'params') draft.raw(configRecord(configValue(record.params) as SinkMap));
      else if (record.kind === 'tags') {
        const tags = [...new Set([...run.tags, ...wandbTags(record.tags)])];
        if (tags.length === run.tags.length) continue;
        run = { ...run, tags };
        draft.raw(runRecord(run));
      } else if (record.kind !== 'console' || this.#settings.console) draft.add(record);
      const alert = alertOf(record, this.#settings.alerts);
      if (alert) draft.raw(alertRecord(alert));
    }
    draft.summary();
    if (draft.shifted && !this.#state.rows.shifted)
      this.#context?.warn(
        `steps went back, and W&B's cannot: rows go on with the next free step, the program's own is in ${OWN_STEP}.`,
      );
    await this.#append(draft.records, draft.next());
    this.#run = run;
  }

  async artifact(artifact: SinkArtifact): Promise<void> {
    const { path, run } = this.#opened();
    const found = await artifactToSend(artifact, this.#settings, (message) => this.#context?.warn(message));
    if (!found) return;
    // by the record's number: what comes again takes its own place
    const folder = join(dirname(path), 'artifacts', String(artifact.seq));
    const files: ArtifactFile[] = [];
    for (const file of found) {
      const copy = resolve(folder, file.name);
      await mkdir(dirname(copy), { recursive: true });
      await copyFile(file.path, copy);
      files.push({ ...file, path: copy });
    }
    const place = { entity: run.entity ?? '', project: run.project, run: run.id };
    await this.#append([artifactRecord(place, describeArtifact(artifact, place), files)], this.#state);
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    _signal?: AbortSignal,
    endedAt = Date.now(),
  ): Promise<void> {
    if (status !== undefined && this.#file) {
      const runtime = Math.max(0, Math.floor((endedAt - this.#state.startedAt) / 1000));
      const draft = new OfflineDraft(this.#state);
      draft.flush();
      draft.summarize(summary);
      draft.summarize({ _wandb: { runtime } });
      draft.summary();
      await this.#append(draft.records, draft.next());
      const beforeEnd = this.#state.position;
      await this.#append([exitRecord(EXIT_CODES[status], runtime)], this.#state);
      this.#state = { ...this.#state, beforeEnd };
    }
    await this.#file?.close();
  }

  state(): SinkState | undefined {
    if (this.#path === undefined || !this.#run) return undefined;
    return { path: this.#path, offline: this.#state, tags: [...this.#run.tags] };
  }

  #opened(): { run: OfflineRun; file: AppendFile; path: string } {
    if (!this.#run || !this.#file || this.#path === undefined)
      throw new SinkUnavailable('the run is not open');
    return { run: this.#run, file: this.#file, path: this.#path };
  }

  async #append(records: readonly Uint8Array[], next: OfflineState): Promise<void> {
    const { position } = next;
    const bytes = frameRecords(records, position);
    const { file, path } = this.#opened();
    try {
      this.#state = { ...next, position: await file.write(position, bytes) };
    } catch (error) {
      throw new SinkUnavailable(
        `${basename(path)} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }
}

/** The file is whole, and `wandb sync` has not taken it as ended. */
async function isThere(path: string, position: number): Promise<boolean> {
  const [file, synced] = await Promise.all(
    [path, `${path}.synced`].map((name) => stat(name).catch(() => undefined)),
  );
  return file !== undefined && file.size >= position && synced === undefined;
}

/** `offline-run-20261124_233012-<id>`, UTC. */
function folderName(time: number, id: string): string {
  const stamp = new Date(time).toISOString();
  return `offline-run-${stamp.slice(0, 10).replaceAll('-', '')}_${stamp.slice(11, 19).replaceAll(':', '')}-${id}`;
}
