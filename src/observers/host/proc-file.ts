import { closeSync, openSync, readSync } from 'node:fs';

/** After a failure, so many calls pass before the file is tried again. */
const RETRY_AFTER = 60;

/**
 * The kernel fills a page with as many lines as fit: a first read that gives less than this was all. Saves a second call
 * for most files.
 */
const SURELY_WHOLE = 2048;

/** One buffer for all files: reads are synchronous, and what they gave is taken at once. */
let buffer = Buffer.allocUnsafe(16 * 1024);

/** What `readBytes` has read last, up to the length that it gave. */
export function bytesRead(): Buffer {
  return buffer;
}

/**
 * A file of /proc that is read again and again: its descriptor stays open and is read from the beginning (a third of
 * the cost of `readFileSync`). A file that cannot be read (old kernel, container, permission) gives undefined and is
 * tried again now and then.
 */
export class ProcFile {
  readonly #path: string;
  /** At most so many bytes are wanted: the rest of a long file is not copied. */
  readonly #limit: number;
  #descriptor: number | undefined;
  #skip = 0;

  constructor(path: string, limit = 4 * 1024 * 1024) {
    this.#path = path;
    this.#limit = limit;
  }

  read(): string | undefined {
    const length = this.readBytes();
    return length < 0 ? undefined : buffer.toString('latin1', 0, length);
  }

  /** Reads into `bytesRead()`, for what is read every second: the number of bytes, -1 when it cannot be read. */
  readBytes(): number {
    if (this.#skip > 0) {
      this.#skip--;
      return -1;
    }
    try {
      return this.#readAll();
    } catch {
      // ENODEV, ESRCH: what the descriptor stood for has gone. Once more with a new one.
      this.close();
    }
    try {
      return this.#readAll();
    } catch {
      this.close();
      this.#skip = RETRY_AFTER;
      return -1;
    }
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    try {
      closeSync(this.#descriptor);
    } catch {
      // nothing is lost: it was only read
    }
    this.#descriptor = undefined;
  }

  #readAll(): number {
    this.#descriptor ??= openSync(this.#path, 'r');
    let length = 0;
    for (;;) {
      const wanted = Math.min(buffer.length, this.#limit) - length;
      // A file of /proc gives at most a page or so at a time.
      const got = wanted > 0 ? readSync(this.#descriptor, buffer, length, wanted, length) : 0;
      length += got;
      const ended =
        got === 0 || length >= this.#limit || (length === got && got < SURELY_WHOLE && got < wanted);
      if (ended) return length;
      if (length === buffer.length) {
        const larger = Buffer.allocUnsafe(buffer.length * 2);
        buffer.copy(larger);
        buffer = larger;
      }
    }
  }
}
