import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEndStatus } from '../../conventions/index.ts';
import type { RunSink, SinkArtifact, SinkMap, SinkRecord, SinkRun, SinkValue } from '../sink.ts';
import { EventEncoder } from './event-encoder.ts';
import { eventFileName } from './event-file.ts';

/**
 * Writes a run's event file into a folder, in one go: the file has its name when it is complete. The same run gives
 * the same name, so that a second export takes the place of the first.
 */
export class TensorboardSink implements RunSink {
  readonly name = 'tensorboard';
  readonly #folder: string;
  readonly #encoder = new EventEncoder();
  #path = '';
  #file: FileHandle | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(run: SinkRun): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const writer = `${run.id.replaceAll(/[^\w.-]/g, '_')}.rank${run.rank}`;
    this.#path = join(
      this.#folder,
      eventFileName({ ...run, host: run.host ?? 'run' }, run.startedAt, writer),
    );
    this.#file = await open(partOf(this.#path), 'w');
    await this.#append(this.#encoder.begin(run, true));
  }

  async write(batch: readonly SinkRecord[]): Promise<void> {
    await this.#append(Buffer.concat(batch.map((record) => this.#encoder.record(record))));
  }

  async artifact({ time, name, kind, path, size, sha256 }: SinkArtifact): Promise<void> {
    const facts: Record<string, SinkValue> = { name, kind, path, size, sha256 };
    await this.#append(this.#encoder.artifact(time, facts));
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    _signal?: AbortSignal,
    endedAt?: number,
  ): Promise<void> {
    if (status !== undefined) await this.#append(this.#encoder.end(status, summary, endedAt));
    await this.#file?.sync();
    await this.#file?.close();
    this.#file = undefined;
    await rename(partOf(this.#path), this.#path);
  }

  async #append(bytes: Buffer): Promise<void> {
    await this.#file?.writeFile(bytes);
  }
}

/** Not an event file as long as it grows: TensorBoard reads what has `tfevents` in its name. */
function partOf(path: string): string {
  return path.replace('events.out.tfevents', '.part');
}
