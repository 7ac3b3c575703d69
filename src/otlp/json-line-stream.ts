import { type JsonRequest, jsonRequest } from './json-request.ts';

/**
 * What stands in a line. A kill of the Collector leaves half a line, to which it appends the next request after its
 * restart; so one line may give several.
 * - `request`: an OTLP request, whole.
 * - `torn`: the start of a request whose rest was never written.
 * - `unreadable`: anything else.
 */
export type LinePiece =
  | { kind: 'request'; line: number; request: JsonRequest }
  | { kind: 'torn' | 'unreadable'; line: number; bytes: number; reason: string };

/** Where a request of the Collector begins. Inside a string value the quotes would be escaped. */
const START = /\{"resource(?:Spans|Logs|Metrics)":/g;
const NEWLINE = 0x0a;
/** The Collector's files are rotated at 100 MB by default, and no line is longer than a file. */
export const DEFAULT_MAX_LINE_BYTES = 128 * 1024 * 1024;

/**
 * Reads OTLP JSON lines (one request a line, any signal) from a stream, tolerant of torn lines. Holds one line at a
 * time; a longer one than `maxLineBytes` (default 128 MiB) is skipped as unreadable. Never throws for what it reads.
 */
export async function* readLinePieces(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number = DEFAULT_MAX_LINE_BYTES,
): AsyncGenerator<LinePiece> {
  let line = 0;
  for await (const { bytes, length } of splitLines(chunks, maxLineBytes)) {
    line++;
    if (bytes === undefined) {
      const reason = `the line has ${length} bytes, more than ${maxLineBytes}`;
      yield { kind: 'unreadable', line, bytes: length, reason };
    } else if (bytes.some((byte) => byte > 0x20)) {
      yield* piecesOf(bytes, line);
    }
  }
}

/** Lines without their end; `bytes` is undefined for one that is too long. */
async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<{ bytes: Uint8Array | undefined; length: number }> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array): void => {
    length += part.length;
    if (length > maxLineBytes) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  const line = () => {
    const whole = {
      bytes: length > maxLineBytes ? undefined : parts.length === 1 ? parts[0] : Buffer.concat(parts, length),
      length,
    };
    parts = [];
    length = 0;
    return whole;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end));
      yield line();
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  if (length > 0) yield line();
}

function* piecesOf(bytes: Uint8Array, line: number): Generator<LinePiece> {
  const whole = parsed(bytes);
  if (whole) {
    yield { kind: 'request', line, request: whole };
    return;
  }
  // Latin-1 keeps one character a byte, so that the places found are places in the bytes.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const starts = [...text.matchAll(START)].map((match) => match.index);
  if (starts[0] !== 0) starts.unshift(0);
  for (const [i, start] of starts.entries()) {
    const end = starts[i + 1] ?? bytes.length;
    const piece = bytes.subarray(start, end);
    const request = starts.length > 1 ? parsed(piece) : undefined;
    if (request) yield { kind: 'request', line, request };
    else yield { line, bytes: piece.length, ...damage(text.slice(start, end)) };
  }
}

function parsed(bytes: Uint8Array): JsonRequest | undefined {
  try {
    return jsonRequest(bytes);
  } catch {
    return undefined;
  }
}

/** A request that was cut off begins as one, and its brackets are not all closed. */
function damage(text: string): { kind: 'torn' | 'unreadable'; reason: string } {
  START.lastIndex = 0;
  const begins = START.exec(text)?.index === 0;
  START.lastIndex = 0;
  if (!begins) return { kind: 'unreadable', reason: 'no OTLP JSON request' };
  if (isCut(text))
    return { kind: 'torn', reason: 'the request was cut off: its writer was killed, or is still at it' };
  return { kind: 'unreadable', reason: 'damaged: not JSON' };
}

const STRINGS_AND_BRACKETS = /"(?:[^"\\]|\\.)*"|["{}[\]]/g;

function isCut(text: string): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(STRINGS_AND_BRACKETS)) {
    if (token === '"') return true;
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
  }
  return depth > 0;
}
