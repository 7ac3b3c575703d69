import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { AppendFile, cutFile } from '../local/append-file.ts';
import type { DataChunk, DataPosition, RunData } from '../local/run-data.ts';
import type { SinkRun, SinkValue } from '../sink.ts';
import { EventEncoder } from './event-encoder.ts';
import { eventFileName, secondsOf } from './event-file.ts';

/** A run as event files: one each time it is opened, as TensorBoard's own writers do. */
export class TensorboardData implements RunData {
  readonly #folder: string;
  readonly #now: () => number;
  #encoder = new EventEncoder();
  #file!: AppendFile;
  #run!: SinkRun;
  #fresh = false;

  /** `now`: milliseconds since the epoch, for the file's name. */
  constructor(folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
  }

  async open(run: SinkRun, from: DataPosition | undefined): Promise<DataPosition> {
    this.#run = run;
    this.#fresh = from === undefined;
    this.#encoder = new EventEncoder();
    if (from) await cutFile(join(this.#folder, from.file), from.bytes);
    // TensorBoard reads on in the order of the names, and never goes back: ours comes after the one before
    const after = from === undefined ? 0 : (secondsOf(from.file) + 1) * 1000;
    let file: string;
    let count = 0;
    do file = eventFileName(run, Math.max(this.#now(), after), `${process.pid}.${count++}`);
    while (await exists(join(this.#folder, file)));
    this.#file = new AppendFile(join(this.#folder, file));
    return { file, bytes: 0 };
  }

  async append(from: DataPosition, { records = [], artifact, end }: DataChunk): Promise<DataPosition> {
    const parts = from.bytes === 0 ? [this.#encoder.begin(this.#run, this.#fresh)] : [];
    for (const record of records) parts.push(this.#encoder.record(record));
    if (artifact) {
      const { name, kind, path, size, sha256 } = artifact;
      const facts: Record<string, SinkValue> = { name, kind, path, size, sha256 };
      parts.push(this.#encoder.artifact(artifact.time, facts));
    }
    if (end) parts.push(this.#encoder.end(end.status, end.summary, end.endedAt));
    try {
      return { file: from.file, bytes: await this.#file.write(from.bytes, Buffer.concat(parts)) };
    } catch (error) {
      // it has marked tags as told that are not on the disk
      this.#encoder = new EventEncoder();
      throw error;
    }
  }

  seal(from: DataPosition): DataPosition {
    return from;
  }

  kept(): void {}

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
