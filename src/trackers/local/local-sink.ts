import { mkdir } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { RunEndStatus } from '../../conventions/index.ts';
import { SinkRefused, SinkUnavailable } from '../sink-errors.ts';
import type {
  RunSink,
  SinkArtifact,
  SinkContext,
  SinkLimits,
  SinkMap,
  SinkRecord,
  SinkRun,
} from '../sink.ts';
import { storeArtifact } from './artifact-copy.ts';
import type { LocalSettings } from './config.ts';
import type { DataChunk, RunData } from './run-data.ts';
import { newRunFile, readRunFile, type RunFile, withRecords, writeRunFile } from './run-file.ts';
import { findRunFolder } from './run-folder.ts';

/** A checkpoint of many gigabytes is copied in one call. */
const CALL_TIMEOUT_MS = 30 * 60_000;

/**
 * A folder a run: `<log_dir>/<project>/<name>-<id>/` with `run.json`, the data in one format, and copies of recorded
 * files. Each save appends to the data, forces them to the disk, and then puts a new `run.json` in the place of the
 * old one; so that after a crash everything up to `run.json`'s position holds, and nothing is there twice.
 */
export class LocalSink implements RunSink {
  readonly name = 'local';
  readonly target: string;
  readonly limits: SinkLimits;
  readonly #settings: LocalSettings;
  readonly #dataOf: (folder: string, warn: (message: string) => void) => Promise<RunData>;
  #folder = '';
  #file!: RunFile;
  #data: RunData | undefined;
  #warn: (message: string) => void = () => {};
  /** A call that was given up by the forwarder may still be at work: the next one waits for it. */
  #working: Promise<void> = Promise.resolve();

  constructor(
    settings: LocalSettings,
    dataOf: (folder: string, warn: (message: string) => void) => Promise<RunData>,
  ) {
    this.#settings = settings;
    this.#dataOf = dataOf;
    this.target = `${settings.logDir} (${settings.format})`;
    this.limits = {
      maxRecords: settings.saveRecords,
      lingerMs: settings.saveMs,
      callTimeoutMs: CALL_TIMEOUT_MS,
    };
  }

  open(run: SinkRun, context?: SinkContext): Promise<void> {
    if (context) this.#warn = (message) => context.warn(message);
    return this.#work(async () => {
      const { logDir, format } = this.#settings;
      await this.#letGo();
      this.#folder = await findRunFolder(logDir, run);
      await mkdir(this.#folder, { recursive: true });
      const before = await readRunFile(this.#folder);
      if (before && before.format !== format)
        throw new SinkRefused(
          `${this.#folder} holds this run with format ${before.format}; give another log_dir for ${format}`,
        );
      const file = before ?? newRunFile(run, format);
      const data = await this.#dataOf(this.#folder, this.#warn);
      try {
        const position = await data.open(run, file.data ?? undefined);
        const attempt = Math.max(file.attempt, run.attempt);
        await this.#keep({ ...file, attempt, host: run.host, pid: run.pid, data: position });
        this.#data = data;
        data.kept(position);
      } catch (error) {
        await data.close().catch(() => {});
        throw error;
      }
    });
  }

  write(batch: readonly SinkRecord[], signal?: AbortSignal): Promise<void> {
    return this.#work(async () => {
      const records = batch.filter(({ seq }) => seq < 0 || seq > this.#file.seq);
      if (records.length === 0 || signal?.aborted) return;
      await this.#append({ records }, withRecords(this.#file, records));
    });
  }

  artifact(artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    return this.#work(async () => {
      if (artifact.seq <= this.#file.seq) return;
      const { artifacts } = this.#file;
      const stored = this.#settings.copyArtifacts
        ? await storeArtifact(this.#folder, artifact, artifacts, signal)
        : { ...withoutPlace(artifact), path: null };
      if (signal?.aborted) return;
      if (stored.problem) this.#warn(`${artifact.name} (${artifact.path}) ${stored.problem}.`);
      const { seq, time } = artifact;
      const next = { ...withRecords(this.#file, []), seq, artifacts: [...artifacts, stored] };
      await this.#append({ artifact }, { ...next, updatedAt: Math.max(next.updatedAt, time) });
    });
  }

  close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    _signal?: AbortSignal,
    endedAt?: number,
  ): Promise<void> {
    return this.#work(async () => {
      const data = this.#data;
      if (!data) return;
      // after a crash the same end may come again
      if (status !== undefined && this.#file.status !== status)
        await this.#append(
          { end: { status, summary, endedAt } },
          { ...this.#file, status, summary, endedAt: endedAt ?? this.#file.updatedAt },
          true,
        );
      await this.#letGo();
    });
  }

  url(): string | undefined {
    return this.#folder === '' ? undefined : pathToFileURL(this.#folder).href;
  }

  /** The data first, then the file that says that they are there. */
  async #append(chunk: DataChunk, next: RunFile, last = false): Promise<void> {
    const { data: from } = this.#file;
    const data = this.#data;
    if (!data || !from) throw new SinkUnavailable('The run was not opened');
    const appended = await data.append(from, chunk);
    const position = last ? data.seal(appended) : appended;
    await this.#keep({ ...next, data: position });
    data.kept(position);
  }

  async #keep(file: RunFile): Promise<void> {
    await writeRunFile(this.#folder, file);
    this.#file = file;
  }

  async #letGo(): Promise<void> {
    const data = this.#data;
    this.#data = undefined;
    await data?.close();
  }

  #work(work: () => Promise<void>): Promise<void> {
    const result = this.#working.then(work).catch((error: unknown) => Promise.reject(forPeople(error)));
    this.#working = result.catch(() => {});
    return result;
  }
}

function withoutPlace({ name, kind, time, path, size, sha256, metadata }: SinkArtifact) {
  return { name, kind, time, source: path, size, sha256, metadata };
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; make room',
  EDQUOT: 'the quota is used up; make room',
  EACCES: 'this user may not write there; change its permissions, or give another log_dir',
  EPERM: 'this user may not write there; change its permissions, or give another log_dir',
  EROFS: 'it is read-only; give another log_dir',
  ENOTDIR: 'a part of the path is a file; give another log_dir',
};

function forPeople(error: unknown): unknown {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === undefined || error instanceof SinkUnavailable || error instanceof SinkRefused) return error;
  return new SinkUnavailable(`${path ?? 'The log_dir'} cannot be written: ${ADVICE[code] ?? message}`, {
    cause: error,
  });
}
