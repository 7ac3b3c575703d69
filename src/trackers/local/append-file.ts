import { type FileHandle, open, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './atomic-file.ts';

/** A file that grows at its end; the end is wherever its owner says, and what lies behind it is written over. */
export class AppendFile {
  readonly path: string;
  #file: FileHandle | undefined;
  /** Bytes in the file; undefined when unknown (a write failed). */
  #size: number | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Writes at `position` and forces it to the disk. */
  async write(position: number, bytes: Uint8Array): Promise<number> {
    this.#file ??= await this.#open(position);
    const size = this.#size;
    this.#size = undefined;
    if (size !== position) await this.#file.truncate(position);
    let written = 0;
    while (written < bytes.length) {
      const part = await this.#file.write(bytes, written, bytes.length - written, position + written);
      written += part.bytesWritten;
    }
    await this.#file.datasync();
    this.#size = position + written;
    return this.#size;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #open(position: number): Promise<FileHandle> {
    // 'r+' does not make it, 'w' would empty it
    const file = await open(this.path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || position > 0) throw error;
      return open(this.path, 'w+');
    });
    await syncFolder(dirname(this.path));
    return file;
  }
}

/** Cuts what lies beyond a position. @returns bytes that the file has then; 0 when it is not there */
export async function cutFile(path: string, position: number): Promise<number> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return 0;
  const { size } = await file.stat().finally(() => file.close());
  if (size > position) await truncate(path, position);
  return Math.min(size, position);
}
