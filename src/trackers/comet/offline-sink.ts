import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEndStatus } from '../../conventions/index.ts';
import { AppendFile } from '../local/append-file.ts';
import { writeAtomic } from '../local/atomic-file.ts';
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
import { SinkUnavailable } from '../sink-errors.ts';
import { type Asset, assetOf, codeAssets } from './assets.ts';
import type { CometSettings } from './config.ts';
import { cometTags, experimentKey, hasNested, NESTED, parametersOf, projectName } from './experiment.ts';
import { batchOf, lastMetrics } from './messages.ts';
import {
  batchMessages,
  fileNameMessage,
  gitMessage,
  graphMessage,
  histogramFile,
  isHistogramFile,
  messageLines,
  metricMessage,
  otherMessage,
  parameterMessage,
  uploadMessage,
} from './offline-messages.ts';
import { detailsOf } from './run-details.ts';
import { Thinning, type ThinningState } from './thinning.ts';
import { writeZip } from './zip.ts';

const LIMITS: SinkLimits = {
  maxRecords: 10_000,
  maxValues: 100_000,
  maxBytes: 8 * 1024 * 1024,
  lingerMs: 1000,
};

/** What is in the archive: plain JSON. */
type ArchiveState = {
  readonly folder: string;
  /** Bytes of messages.json. */
  readonly position: number;
  readonly files: readonly string[];
  readonly tags: readonly string[];
  readonly thinning: ThinningState;
  readonly startedAt: number;
  /** Archives that are there already: each end of the run makes one. */
  readonly archives: number;
};

/**
 * A run as the archive that the real `comet upload` takes: `<key>.zip` in the offline directory. While the run goes on
 * its parts lie in the folder `<key>` beside; the file is cut to what is remembered and written on from there, so
 * records that come twice are in it once. A run that goes on after its end makes a further archive of the same
 * experiment.
 */
export class CometOfflineSink implements RunSink {
  readonly name = 'comet-offline';
  readonly target: string;
  readonly limits = LIMITS;
  readonly #settings: CometSettings;
  #context: SinkContext | undefined;
  #key = '';
  #project = '';
  #state: ArchiveState | undefined;
  #file: AppendFile | undefined;

  constructor(settings: CometSettings) {
    this.#settings = settings;
    this.target = settings.offlineDirectory;
  }

  async open(run: SinkRun, context?: SinkContext): Promise<void> {
    this.#context = context;
    this.#key = experimentKey(run, this.#settings);
    this.#project = projectName(run, this.#settings);
    const before = context?.state?.['archive'] as ArchiveState | undefined;
    if (before && (await isThere(before))) {
      this.#state = before;
      this.#file = new AppendFile(join(before.folder, 'messages.json'));
      return;
    }
    // an archive that is there is never written over: its end may have been written and not acknowledged
    let archives = before?.archives ?? 0;
    let folder = join(this.target, nameOf(this.#key, archives));
    while (await stat(`${folder}.zip`).catch(() => undefined))
      folder = join(this.target, nameOf(this.#key, ++archives));
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    this.#file = new AppendFile(join(folder, 'messages.json'));
    const state: ArchiveState = {
      folder,
      position: 0,
      files: [],
      tags: [...new Set([...this.#settings.tags, ...cometTags(run.tags)])],
      thinning: before?.thinning ?? {},
      startedAt: run.startedAt,
      archives,
    };
    await this.#begin(run, state, before === undefined);
  }

  async #begin(run: SinkRun, state: ArchiveState, isFirst: boolean): Promise<void> {
    const time = Math.floor(run.startedAt);
    const { program, git } = detailsOf(run);
    const { autoLog, logCode, experimentName } = this.#settings;
    const messages = [
      otherMessage({ name: 'Name', value: experimentName ?? run.name }),
      ...(run.group === undefined ? [] : [otherMessage({ name: 'group', value: run.group })]),
      ...parametersOf(run.params).map((parameter) => parameterMessage({ ...parameter, time })),
      ...(hasNested(run.params) ? [otherMessage({ name: NESTED, value: true })] : []),
      ...(autoLog && program !== undefined ? [fileNameMessage(program)] : []),
      ...(git && (autoLog || logCode) ? [gitMessage(git)] : []),
    ];
    const files: string[] = [];
    if (logCode && isFirst)
      for (const { asset, bytes } of await codeAssets(run, (message) => this.#context?.warn(message))) {
        const file = nameInArchive(asset);
        await writeFile(join(state.folder, file), bytes);
        files.push(file);
        messages.push(uploadMessage(asset, file, file, time));
      }
    await this.#append(messages, { ...state, files });
    await this.#writeFacts(run.startedAt);
  }

  async write(batch: readonly SinkRecord[]): Promise<void> {
    if (batch.length === 0) return;
    const state = this.#opened();
    const thinning = new Thinning(state.thinning);
    const translated = batchOf(batch, thinning, this.#settings.autoLog);
    for (const { name, cut } of translated.parameters)
      if (cut)
        this.#context?.warn(`the value of ${name} is longer than the 1000 characters that Comet keeps: cut.`);
    if (thinning.left > 0)
      this.#context?.warn(
        'Comet keeps 15,000 values of a metric: beyond the 4096th every second one is kept, then every fourth and so on. All of them are in the journal and the hub.',
      );
    for (const histogram of translated.histograms) {
      const { name, content } = histogramFile(histogram);
      await writeFile(join(state.folder, name), content);
    }
    const tags = [...new Set([...state.tags, ...translated.tags])];
    await this.#append(batchMessages(translated), { ...state, tags, thinning: thinning.state() });
    if (tags.length > state.tags.length) await this.#writeFacts(batch.at(-1)?.time ?? state.startedAt);
  }

  async artifact(artifact: SinkArtifact): Promise<void> {
    const state = this.#opened();
    const found = await assetOf(artifact, this.#settings, (message) => this.#context?.warn(message));
    if (!found) return;
    if ('graph' in found) {
      await this.#append([graphMessage(found.graph)], state);
      return;
    }
    const file = nameInArchive(found.asset);
    await copyFile(artifact.path, join(state.folder, file));
    await this.#append([uploadMessage(found.asset, file, file, Math.floor(artifact.time))], {
      ...state,
      files: [...new Set([...state.files, file])],
    });
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    _signal?: AbortSignal,
    endedAt = Date.now(),
  ): Promise<void> {
    if (this.#state && status !== undefined) {
      const state = this.#state;
      const thinning = new Thinning(state.thinning);
      const messages = [
        ...lastMetrics(thinning).map(metricMessage),
        ...parametersOf(summary).map(otherMessage),
        otherMessage({ name: 'status', value: status }),
      ];
      await this.#append(messages, { ...state, thinning: thinning.state() });
      await this.#writeFacts(endedAt, status);
      await this.#file?.close();
      await writeZip(`${state.folder}.zip`, state.folder, [
        'experiment.json',
        'messages.json',
        ...state.files,
        // too many to be remembered one by one
        ...(await readdir(state.folder)).filter(isHistogramFile).toSorted(),
      ]);
      await rm(state.folder, { recursive: true, force: true });
      this.#state = { ...this.#opened(), archives: state.archives + 1 };
    }
    await this.#file?.close();
  }

  state(): SinkState | undefined {
    return this.#state ? { archive: this.#state as unknown as SinkMap } : undefined;
  }

  #opened(): ArchiveState {
    if (!this.#state) throw new SinkUnavailable('the archive is not open');
    return this.#state;
  }

  async #append(messages: Parameters<typeof messageLines>[0], next: ArchiveState): Promise<void> {
    const bytes = Buffer.from(messageLines(messages));
    if (!this.#file) throw new SinkUnavailable('the archive is not open');
    try {
      this.#state = { ...next, position: await this.#file.write(next.position, bytes) };
    } catch (error) {
      throw new SinkUnavailable(
        `messages.json cannot be written: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }

  /** `experiment.json`: complete at any time, so that the folder of a killed program can be packed by hand. */
  async #writeFacts(stoppedAt: number, status?: RunEndStatus): Promise<void> {
    const { folder, tags, startedAt, archives } = this.#opened();
    const failed = status === 'failed' || status === 'killed';
    await writeAtomic(
      join(folder, 'experiment.json'),
      JSON.stringify({
        offline_id: this.#key,
        project_name: this.#project,
        workspace: this.#settings.workspace ?? null,
        start_time: Math.floor(startedAt),
        stop_time: Math.floor(stoppedAt),
        tags,
        resume_strategy: archives === 0 ? 'create' : 'get_or_create',
        user_provided_experiment_key: true,
        customer_error_reported: failed,
        customer_error_message: failed ? `the run was ${status}` : null,
      }),
    );
  }
}

function nameOf(key: string, archives: number): string {
  return archives === 0 ? key : `${key}-${archives + 1}`;
}

/** The parts are there as they are remembered. */
async function isThere({ folder, position }: ArchiveState): Promise<boolean> {
  const found = await stat(join(folder, 'messages.json')).catch(() => undefined);
  return found !== undefined && found.size >= position;
}

/** Files of an archive lie beside each other; the same asset has the same name, so a copy is made again in its place. */
function nameInArchive({ fileName, type }: Asset): string {
  return createHash('sha256').update(`${type}/${fileName}`).digest('hex').slice(0, 32);
}
