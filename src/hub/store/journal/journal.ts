import * as fs from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import type { Signal } from '../../../otlp/model.ts';
import type { RequestBody } from '../store.ts';
import { StoreUnavailableError } from '../unavailable-error.ts';
import { encodeHeader, HEADER_BYTES, type JournalRecord } from './record.ts';

const writev = promisify(fs.writev) as (
  fd: number,
  buffers: NodeJS.ArrayBufferView[],
) => Promise<{ bytesWritten: number }>;
const datasync = promisify(fs.fdatasync);
const truncate = promisify(fs.ftruncate);

export interface JournalOptions {
  directory: string;
  /** Sequence of the first record to come. */
  nextSequence: number;
  /** Wait for the disk before a record counts as durable. */
  sync: boolean;
  now: () => number;
}

interface Waiting {
  record: JournalRecord;
  apply: (record: JournalRecord) => void;
  refuse: (error: unknown) => void;
}

/** Records of one write: bounded, so that an endless queue does not become one endless write. */
const GROUP_BYTES = 16 * 1024 * 1024;
const GROUP_RECORDS = 256;

/**
 * The write-ahead log: what is on it survives a crash. Requests that wait while a write is under way share the
 * next one and its fsync (group commit). Segments end when their content is about to be sealed into the
 * database, and are deleted when it is.
 */
export class Journal {
  readonly #options: JournalOptions;
  #fd: number;
  #segment: number;
  #length = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #closed = false;
  #held = false;
  /** Bytes of all segments. */
  bytes = 0;
  /** Sequence of the newest record that was applied. */
  sequence: number;
  #nextSequence: number;
  #sizes = new Map<number, number>();

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#nextSequence = options.nextSequence;
    this.sequence = options.nextSequence - 1;
    const segments = journalSegments(options.directory);
    for (const segment of segments) {
      const size = fs.statSync(segmentPath(options.directory, segment)).size;
      this.#sizes.set(segment, size);
      this.bytes += size;
    }
    this.#segment = (segments.at(-1) ?? 0) + 1;
    this.#fd = this.#create(this.#segment);
  }

  /**
   * Makes a request durable, then calls `apply`, in the order of the sequence, and resolves with what it gives.
   * Rejects when the request could not be written (nothing of it is kept then).
   */
  append<T>(signal: Signal, body: RequestBody, apply: (record: JournalRecord) => T): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreUnavailableError('The store is closed.'));
    return new Promise((accept, refuse) => {
      const sequence = this.#nextSequence++;
      this.#waiting.push({
        record: { sequence, signal, arrival: this.#options.now(), body },
        apply: (record) => accept(apply(record)),
        refuse,
      });
      if (!this.#held) this.#writing ??= this.#writeAll();
    });
  }

  /**
   * Begins a new segment; everything applied so far is in the segments up to the one returned. Only inside
   * `between`: a write under way must land wholly in the old one.
   */
  rotate(): number {
    const ended = this.#segment;
    fs.closeSync(this.#fd);
    this.#segment++;
    this.#fd = this.#create(this.#segment);
    this.#length = 0;
    return ended;
  }

  /** Runs `action` between two groups, when nothing is being written. */
  async between<T>(action: () => T): Promise<T> {
    this.#held = true;
    try {
      while (this.#writing !== undefined) await this.#writing;
      return action();
    } finally {
      this.#held = false;
      if (this.#waiting.length > 0) this.#writing ??= this.#writeAll();
    }
  }

  /** Deletes segments up to and including `segment`. */
  drop(segment: number): void {
    for (const [number, size] of this.#sizes) {
      if (number > segment) continue;
      fs.rmSync(segmentPath(this.#options.directory, number), { force: true });
      this.#sizes.delete(number);
      this.bytes -= size;
    }
  }

  /** Takes no more; resolves when what waits is written and applied. */
  async finish(): Promise<void> {
    this.#closed = true;
    while (this.#writing !== undefined) await this.#writing;
  }

  /** After `finish`. */
  close(): void {
    fs.closeSync(this.#fd);
    if (this.#length === 0) this.drop(this.#segment);
  }

  #create(segment: number): number {
    const fd = fs.openSync(segmentPath(this.#options.directory, segment), 'wx');
    // The new name must be on disk before a record in it counts.
    if (this.#options.sync) syncDirectory(this.#options.directory);
    this.#sizes.set(segment, 0);
    return fd;
  }

  async #writeAll(): Promise<void> {
    // Let every request that is ready in this turn of the loop join the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !this.#held) await this.#writeGroup(this.#takeGroup());
    this.#writing = undefined;
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { record } of this.#waiting) {
      if (count > 0 && (bytes + record.body.bytes.length > GROUP_BYTES || count === GROUP_RECORDS)) break;
      bytes += record.body.bytes.length;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeGroup(group: Waiting[]): Promise<void> {
    const buffers: Uint8Array[] = [];
    let bytes = 0;
    for (const { record } of group) {
      buffers.push(encodeHeader(record));
      if (record.body.bytes.length > 0) buffers.push(record.body.bytes);
      bytes += HEADER_BYTES + record.body.bytes.length;
    }
    try {
      await this.#write(buffers);
      if (this.#options.sync) await datasync(this.#fd);
    } catch (error) {
      await this.#undo();
      const why = error instanceof Error ? error.message : String(error);
      const refusal = new StoreUnavailableError(`The journal could not be written: ${why}.`, {
        cause: error,
      });
      for (const { refuse } of group) refuse(refusal);
      return;
    }
    this.#length += bytes;
    this.bytes += bytes;
    this.#sizes.set(this.#segment, this.#length);
    for (const { record, apply, refuse } of group) {
      this.sequence = record.sequence;
      try {
        apply(record);
      } catch (error) {
        refuse(error);
      }
    }
  }

  async #write(buffers: Uint8Array[]): Promise<void> {
    let rest = buffers;
    while (rest.length > 0) {
      let { bytesWritten } = await writev(this.#fd, rest);
      while (rest.length > 0 && bytesWritten >= rest[0]!.length) bytesWritten -= rest.shift()!.length;
      if (bytesWritten > 0) rest = [rest[0]!.subarray(bytesWritten), ...rest.slice(1)];
    }
  }

  /** Takes back a half-written group: a later record after its ruins would be lost to the replay. */
  async #undo(): Promise<void> {
    try {
      await truncate(this.#fd, this.#length);
      fs.closeSync(this.#fd);
      this.#fd = fs.openSync(segmentPath(this.#options.directory, this.#segment), 'a');
    } catch {
      this.rotate();
    }
  }
}

const SEGMENT = /^(\d{10})\.journal$/;

/** Numbers of the segments in a directory, oldest first. */
export function journalSegments(directory: string): number[] {
  return fs
    .readdirSync(directory)
    .flatMap((name) => SEGMENT.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

export function segmentPath(directory: string, segment: number): string {
  return path.join(directory, `${String(segment).padStart(10, '0')}.journal`);
}

function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
