import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SinkRun } from '../sink.ts';
import { AppendFile, cutFile } from './append-file.ts';
import { gzipFile } from './gzip-file.ts';
import type { DataChunk, DataPosition, RunData } from './run-data.ts';

export interface TextFormat {
  /** Extension of its files, without the dot. */
  readonly extension: string;
  /** A segment's first lines; `first` in the run's first segment. */
  head(run: SinkRun, first: boolean): string;
  body(run: SinkRun, chunk: DataChunk): string;
}

export interface TextDataOptions {
  readonly folder: string;
  readonly format: TextFormat;
  /** Gzip the segments that are complete. */
  readonly compress: boolean;
  /** Size at which the next segment is begun. Default 64 MiB. */
  readonly segmentBytes?: number | undefined;
  readonly warn: (message: string) => void;
}

const SEGMENT_BYTES = 64 * 1024 * 1024;

/** A run as lines in segments: `records-000001.jsonl`, `records-000002.jsonl` ..., complete ones perhaps with `.gz`. */
export class TextData implements RunData {
  readonly #options: TextDataOptions;
  #run!: SinkRun;
  #file: AppendFile | undefined;
  /** Work on complete segments. */
  #compressing: Promise<void> = Promise.resolve();

  constructor(options: TextDataOptions) {
    this.#options = options;
  }

  async open(run: SinkRun, from: DataPosition | undefined): Promise<DataPosition> {
    this.#run = run;
    if (!from) return { file: this.#name(1), bytes: 0 };
    const bytes = await cutFile(join(this.#options.folder, from.file), from.bytes);
    if (bytes < from.bytes)
      this.#options.warn(
        `${join(this.#options.folder, from.file)} has ${bytes} bytes where ${from.bytes} were saved: somebody has shortened or removed it. What comes now is saved.`,
      );
    return { file: from.file, bytes };
  }

  async append(from: DataPosition, chunk: DataChunk): Promise<DataPosition> {
    const at = from.bytes >= (this.#options.segmentBytes ?? SEGMENT_BYTES) ? this.#next(from) : from;
    const { format } = this.#options;
    const head = at.bytes === 0 ? format.head(this.#run, this.#number(at.file) === 1) : '';
    const path = join(this.#options.folder, at.file);
    if (this.#file?.path !== path) {
      await this.#file?.close();
      this.#file = new AppendFile(path);
    }
    const bytes = await this.#file.write(at.bytes, Buffer.from(head + format.body(this.#run, chunk)));
    return { file: at.file, bytes };
  }

  seal(from: DataPosition): DataPosition {
    return this.#options.compress && from.bytes > 0 ? this.#next(from) : from;
  }

  kept(position: DataPosition): void {
    if (!this.#options.compress || this.#kept === position.file) return;
    this.#kept = position.file;
    this.#compressing = this.#compressing.then(() => this.#compressBefore(this.#number(position.file)));
  }
  #kept = '';

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
    await this.#compressing;
  }

  async #compressBefore(number: number): Promise<void> {
    const { folder, warn, format } = this.#options;
    try {
      for (const name of await readdir(folder)) {
        if (!name.endsWith(`.${format.extension}`) || !(this.#number(name) < number)) continue;
        if (this.#file?.path === join(folder, name)) await this.#file.close();
        await gzipFile(join(folder, name));
      }
    } catch (error) {
      warn(`A file could not be compressed and stays as it is: ${(error as Error).message}`);
    }
  }

  #name(number: number): string {
    return `records-${String(number).padStart(6, '0')}.${this.#options.format.extension}`;
  }

  /** NaN for another file. */
  #number(name: string): number {
    return Number(/^records-(\d+)\./.exec(name)?.[1] ?? Number.NaN);
  }

  #next({ file }: DataPosition): DataPosition {
    return { file: this.#name(this.#number(file) + 1), bytes: 0 };
  }
}
