import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { decodeRecord, type JournalRecord, openLine } from './record.ts';
import { decodeHeader, type SegmentFile, type SegmentHeader, segmentsOf } from './segment.ts';

/** A record and the segment's header, which says whose it is. */
export interface JournalEntry {
  readonly header: SegmentHeader;
  readonly record: JournalRecord;
  /** Length of its line. */
  readonly size: number;
}

/**
 * What a reader had to leave out.
 * - `torn`: the end of a segment, half written when its process was killed. Expected after SIGKILL.
 * - `damaged`: lines before the end of a segment whose checksum does not match.
 */
export interface JournalProblem {
  readonly kind: 'torn' | 'damaged';
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;
  readonly message: string;
}

export interface ReadJournalOptions {
  /** First `seq` wanted; earlier segments are not opened. Default 0. */
  fromSeq?: number;
  onProblem?: (problem: JournalProblem) => void;
}

/**
 * The records of one rank's folder in the order of `seq`, each once, read as a stream: any size in bounded memory.
 * A folder that does not exist has no records. Torn and damaged lines are left out and reported.
 */
export async function* readJournal(
  dir: string,
  options: ReadJournalOptions = {},
): AsyncGenerator<JournalEntry, void, undefined> {
  const from = options.fromSeq ?? 0;
  let last = -1;
  const segments = await listSegments(dir);
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next && next.firstSeq <= from) continue;
    for await (const entry of readSegment(dir, segment, options.onProblem)) {
      // a write that was repeated after an error may have left whole lines behind: the first one counts
      if (entry.record.seq <= last) continue;
      last = entry.record.seq;
      if (entry.record.seq >= from) yield entry;
    }
  }
}

/** The segments of a folder in the order of their records; none when it does not exist. */
export async function listSegments(dir: string): Promise<SegmentFile[]> {
  try {
    return segmentsOf(await readdir(dir));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The records of one segment. */
export async function* readSegment(
  dir: string,
  segment: SegmentFile,
  onProblem: (problem: JournalProblem) => void = () => {},
): AsyncGenerator<JournalEntry, void, undefined> {
  let header: SegmentHeader | undefined;
  let number = 0;
  let bad: { line: number; what: string } | undefined;
  const report = (kind: 'torn' | 'damaged'): void => {
    if (!bad) return;
    const message =
      kind === 'torn'
        ? `The end of ${segment.file} is torn at line ${bad.line} (${bad.what}); it was cut.`
        : `Line ${bad.line} of ${segment.file} is damaged (${bad.what}); it was left out.`;
    onProblem({ kind, file: join(dir, segment.file), line: bad.line, message });
    bad = undefined;
  };
  for await (const { line, whole } of segmentLines(dir, segment)) {
    number++;
    if (line === '' && whole) continue;
    const object = whole ? openLine(line) : undefined;
    if (!object) {
      if (bad) report('damaged');
      bad = { line: number, what: whole ? 'its checksum does not match' : 'half a line' };
      continue;
    }
    report('damaged');
    const record = decodeRecord(object);
    if (record && header) yield { header, record, size: line.length };
    else header = decodeHeader(object) ?? header;
  }
  report('torn');
}

/** The header of a segment, without reading further; undefined when it has none. */
export async function readHeader(dir: string, segment: SegmentFile): Promise<SegmentHeader | undefined> {
  for await (const { line, whole } of segmentLines(dir, segment)) {
    const object = whole ? openLine(line) : undefined;
    return object && decodeHeader(object);
  }
  return undefined;
}

const LINE_FEED = 10;

/** Lines without their end; `whole` is false for a last one that has no end. */
async function* segmentLines(
  dir: string,
  segment: SegmentFile,
): AsyncGenerator<{ line: string; whole: boolean }> {
  let rest: Buffer | undefined;
  try {
    for await (const chunk of segmentBytes(dir, segment)) {
      const bytes: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk;
      let start = 0;
      for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
        yield { line: bytes.toString('utf8', start, end), whole: true };
        start = end + 1;
      }
      rest = start < bytes.length ? bytes.subarray(start) : undefined;
    }
  } catch (error) {
    // a compressed file that ends too early is a torn end like any other
    if (segment.compression === undefined) throw error;
    yield { line: '', whole: false };
    return;
  }
  if (rest) yield { line: rest.toString('utf8'), whole: false };
}

async function* segmentBytes(dir: string, segment: SegmentFile): AsyncGenerator<Buffer> {
  let found = segment;
  let file = createReadStream(join(dir, found.file), { highWaterMark: 256 * 1024 });
  try {
    await new Promise<void>((resolve, reject) => {
      file.once('open', () => resolve());
      file.once('error', reject);
    });
  } catch (error) {
    // it may just have been replaced by its compressed copy
    const again = (await listSegments(dir)).find((other) => other.name === segment.name);
    if (!again || again.file === segment.file) throw error;
    found = again;
    file = createReadStream(join(dir, found.file), { highWaterMark: 256 * 1024 });
  }
  const decoder =
    found.compression === 'gzip'
      ? createGunzip()
      : found.compression === 'zstd'
        ? createZstdDecompress()
        : undefined;
  if (!decoder) {
    yield* file as AsyncIterable<Buffer>;
    return;
  }
  file.once('error', (error) => decoder.destroy(error));
  try {
    yield* file.pipe(decoder) as AsyncIterable<Buffer>;
  } finally {
    file.destroy();
  }
}
