import * as fs from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';
import { encodeHeader, type SegmentHeader, segmentName } from './segment.ts';

/** What the journal needs of a file system; given as an option so that a full or dead disk can be simulated. */
export type JournalFs = Pick<
  typeof fs,
  'mkdirSync' | 'openSync' | 'writeSync' | 'ftruncateSync' | 'fsyncSync' | 'fsync' | 'closeSync'
>;

/** When written data is forced to the disk: a killed process loses nothing without it, a power cut may. */
export type FsyncPolicy = 'never' | 'seal' | 'flush';

export interface JournalWriterOptions {
  dir: string;
  header: Omit<SegmentHeader, 'firstSeq' | 'time'>;
  /** A segment that has reached this size is sealed and the next one opened. Default 16 MiB. */
  segmentBytes?: number;
  fsync?: FsyncPolicy;
  fs?: JournalFs;
  /** Called with the path of each sealed segment. */
  onSealed?: (path: string) => void;
}

/**
 * Appends records to a run's segments, synchronously: one `write()` a flush, so that a killed process leaves at most
 * one torn line, and so that the order of journal, network and exit never needs thinking about.
 */
export class JournalWriter {
  readonly dir: string;
  readonly #header: Omit<SegmentHeader, 'firstSeq' | 'time'>;
  readonly #segmentBytes: number;
  readonly #fsync: FsyncPolicy;
  readonly #fs: JournalFs;
  readonly #onSealed: (path: string) => void;
  readonly #closing = new Set<Promise<void>>();
  #fd: number | undefined;
  #path = '';
  /** Bytes of the open segment that are known to be whole records. */
  #size = 0;

  constructor(options: JournalWriterOptions) {
    this.dir = options.dir;
    this.#header = options.header;
    this.#segmentBytes = options.segmentBytes ?? 16 * 1024 * 1024;
    this.#fsync = options.fsync ?? 'seal';
    this.#fs = options.fs ?? fs;
    this.#onSealed = options.onSealed ?? (() => {});
  }

  /**
   * Appends whole lines. Throws when they could not be written; what was written of them is cut off again (or left
   * as a torn end of a segment that is not written to any more), so that the same lines can be appended later.
   */
  append(lines: string, firstSeq: number, time: number): void {
    if (this.#fd === undefined) this.#open(firstSeq, time);
    this.#write(Buffer.from(lines));
    if (this.#fsync === 'flush') this.#fs.fsyncSync(this.#fd as number);
    if (this.#size >= this.#segmentBytes) this.seal();
  }

  /**
   * Ends the open segment; the next append opens another. It is forced to the disk and closed beside the program's
   * work, since that can take long; `settled()` waits for it.
   */
  seal(): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    const path = this.#path;
    const closed = new Promise<void>((resolve) => {
      const close = (): void => {
        this.#fs.closeSync(fd);
        resolve();
      };
      if (this.#fsync === 'seal') this.#fs.fsync(fd, close);
      else close();
    }).then(() => this.#onSealed(path));
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }

  /** Resolves when all sealed segments are on the disk and closed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#closing);
  }

  #open(firstSeq: number, time: number): void {
    makeFolder(this.dir, this.#fs.mkdirSync);
    this.#path = join(this.dir, segmentName(this.#header.attempt, firstSeq));
    this.#fd = this.#fs.openSync(this.#path, 'a', 0o644);
    this.#size = 0;
    this.#write(Buffer.from(encodeHeader({ ...this.#header, firstSeq, time })));
  }

  #write(bytes: Buffer): void {
    const fd = this.#fd as number;
    let done = 0;
    try {
      while (done < bytes.length) done += this.#fs.writeSync(fd, bytes, done, bytes.length - done);
    } catch (error) {
      this.#cutBack(fd, done);
      throw error;
    }
    this.#size += bytes.length;
  }

  #cutBack(fd: number, written: number): void {
    const usable = this.#size > 0;
    try {
      if (written > 0 || !usable) this.#fs.ftruncateSync(fd, this.#size);
      if (usable) return;
    } catch {
      // the torn line stays behind: readers cut it, and the next append goes to a new segment
    }
    this.#fd = undefined;
    try {
      this.#fs.closeSync(fd);
    } catch {
      // a descriptor that cannot be closed is of no more use either
    }
  }
}
