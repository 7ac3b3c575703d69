import {
  closeSync,
  existsSync,
  fdatasync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeSync,
  fstatSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { crc32 } from 'node:zlib';
import type { ForwardSource, SinkRun, SourceEntry, SourceLimit } from '../../trackers/index.ts';
import { addToIntervals, type Interval } from '../store/runs/intervals.ts';
import { replaceFile } from './replace-file.ts';

const datasync = promisify(fdatasync);

/** What an entry is without its place, which the spool gives it. */
export type SpoolEntry = Omit<SourceEntry, 'seq' | 'size'>;

/** Of whom a spool is, and what was let go of it. */
interface Facts {
  run: SinkRun | undefined;
  /** Trackers that the run's own process forwards to. */
  forwarded: string[];
  /** Entries before the file's first one: sent everywhere, and gone. */
  base: number;
  /** Sequence numbers of the entries that are gone. */
  seqs: Interval[];
}

/** Length and CRC-32 of the payload, then the payload: `[seq of the sender, entry]` as node:v8 writes it. */
const HEADER_BYTES = 8;
const READ_BYTES = 256 * 1024;
/** Every so many entries their place in the file is remembered. */
const MARK_EVERY = 256;
const FACTS = 'run.json';
const ENTRIES = 'entries.bin';

/**
 * The records of one rank of a run on their way to trackers, in the order in which they came: the store keeps columns
 * of values, not records. An entry's `seq` here is its place in the spool. Written before the sender is told that its
 * request was taken, so a crash leaves no gap; a record that comes again is recognised by its own sequence number.
 */
export class RunSpool {
  readonly #dir: string;
  #file: number;
  #facts: Facts;
  #seqs: Interval[];
  #count = 0;
  #bytes = 0;
  /** Byte offset of entry `i * MARK_EVERY` (counted from the file's first). */
  #marks: number[] = [];
  /** The newest entry ends the run. */
  ended: boolean;

  /** Opens or makes the spool; a torn end is cut off. */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
    this.#facts = readFacts(join(dir, FACTS));
    this.#seqs = this.#facts.seqs.map(([first, last]): Interval => [first, last]);
    // only a spool that ends is let go
    this.ended = this.#facts.base > 0;
    this.#file = openSync(join(dir, ENTRIES), 'a+');
    this.#scan();
  }

  /** Highest place; -1 for none. */
  get head(): number {
    return this.#facts.base + this.#count - 1;
  }

  get run(): SinkRun | undefined {
    return this.#facts.run;
  }

  get forwarded(): readonly string[] {
    return this.#facts.forwarded;
  }

  describe(run: SinkRun, forwarded: readonly string[]): void {
    this.#facts = { ...this.#facts, run, forwarded: [...forwarded] };
    this.#saveFacts();
  }

  /** Adds what is not there yet; it is on the disk when the promise resolves. Number of new entries. */
  async append(records: readonly { seq: number; entry: SpoolEntry }[]): Promise<number> {
    const frames: Buffer[] = [];
    let added = 0;
    for (const { seq, entry } of records) {
      if (!addToIntervals(this.#seqs, seq)) continue;
      const frame = encode(seq, entry);
      this.#mark(this.#count, this.#bytes);
      this.#count++;
      this.#bytes += frame.length;
      this.ended = entry.end !== undefined;
      frames.push(frame);
      added++;
    }
    if (added === 0) return 0;
    writeAll(this.#file, Buffer.concat(frames));
    await datasync(this.#file);
    return added;
  }

  /** The entries after a place. */
  read(after: number, limit: SourceLimit): SourceEntry[] {
    const entries: SourceEntry[] = [];
    const from = Math.max(0, after + 1 - this.#facts.base);
    if (from >= this.#count) return entries;
    let index = Math.floor(from / MARK_EVERY) * MARK_EVERY;
    let bytes = 0;
    for (const { payload } of this.#frames(this.#marks[index / MARK_EVERY] ?? 0)) {
      if (index >= from) {
        const [, entry] = deserialize(payload) as [number, SpoolEntry];
        entries.push({ ...entry, seq: this.#facts.base + index, size: payload.length });
        bytes += payload.length;
        if (entries.length >= limit.records || bytes >= limit.bytes) break;
      }
      index++;
    }
    return entries;
  }

  /** The run has ended and everything was sent everywhere: the entries go, what is known of them stays, so that a resend is recognised. */
  letGo(): void {
    const gone = this.#count;
    if (gone === 0) return;
    this.#facts = { ...this.#facts, base: this.#facts.base + gone, seqs: this.#seqs };
    // first what is known: a crash in between leaves entries that nobody asks for, never a gap
    this.#saveFacts();
    closeSync(this.#file);
    rmSync(join(this.#dir, ENTRIES));
    this.#file = openSync(join(this.#dir, ENTRIES), 'a+');
    this.#count = 0;
    this.#bytes = 0;
    this.#marks = [];
  }

  close(): void {
    closeSync(this.#file);
  }

  #scan(): void {
    const gone = structuredClone(this.#seqs);
    let stale = false;
    for (const { payload, offset, end } of this.#frames(0, fstatSync(this.#file).size)) {
      const [seq, entry] = deserialize(payload) as [number, SpoolEntry];
      // left over from a crash in `letGo`
      stale ||= !addToIntervals(gone, seq) && this.#count === 0;
      if (stale) break;
      addToIntervals(this.#seqs, seq);
      this.#mark(this.#count, offset);
      this.#count++;
      this.#bytes = end;
      this.ended = entry.end !== undefined;
    }
    const { size } = fstatSync(this.#file);
    if (stale || size > this.#bytes) truncateSync(join(this.#dir, ENTRIES), this.#bytes);
  }

  #mark(index: number, offset: number): void {
    if (index % MARK_EVERY === 0) this.#marks.push(offset);
  }

  /** Whole frames from an offset on; ends at a torn or damaged one. */
  *#frames(start: number, size = this.#bytes): Generator<{ payload: Buffer; offset: number; end: number }> {
    let offset = start;
    let held = Buffer.alloc(0);
    while (offset < size) {
      const need = held.length < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + held.readUInt32LE(0);
      if (held.length < need) {
        const more = Buffer.allocUnsafe(Math.max(READ_BYTES, need - held.length));
        const read = readSync(this.#file, more, 0, more.length, offset + held.length);
        if (read === 0) return;
        held = Buffer.concat([held, more.subarray(0, read)]);
        continue;
      }
      const payload = held.subarray(HEADER_BYTES, need);
      if (crc32(payload) !== held.readUInt32LE(4)) return;
      yield { payload, offset, end: offset + need };
      held = held.subarray(need);
      offset += need;
    }
  }

  #saveFacts(): void {
    replaceFile(join(this.#dir, FACTS), `${JSON.stringify(this.#facts, nonFiniteText)}\n`, true);
  }
}

/** A spool as one tracker reads it. Several read the same spool, each at its own place. */
export class SpoolSource implements ForwardSource {
  readonly #spool: RunSpool;
  readonly #ready: () => boolean;

  /** `ready`: it is known how the run started, or nobody waits for that any more. */
  constructor(spool: RunSpool, ready: () => boolean) {
    this.#spool = spool;
    this.#ready = ready;
  }

  async after(seq: number, limit: SourceLimit): Promise<SourceEntry[]> {
    return this.#ready() ? this.#spool.read(seq, limit) : [];
  }

  async run(): Promise<SinkRun | undefined> {
    return this.#spool.run;
  }
}

/** Whether a folder holds a spool. */
export function isSpool(dir: string): boolean {
  return existsSync(join(dir, ENTRIES));
}

function encode(seq: number, entry: SpoolEntry): Buffer {
  const payload = serialize([seq, entry]);
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt32LE(crc32(payload), 4);
  return Buffer.concat([header, payload]);
}

function writeAll(file: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
}

function readFacts(path: string): Facts {
  try {
    return {
      forwarded: [],
      base: 0,
      seqs: [],
      run: undefined,
      ...(JSON.parse(readFileSync(path, 'utf8')) as Partial<Facts>),
    };
  } catch {
    return { forwarded: [], base: 0, seqs: [], run: undefined };
  }
}

/** A parameter that is NaN or infinite goes on as its name. */
function nonFiniteText(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
