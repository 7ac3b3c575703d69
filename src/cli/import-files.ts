import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { DEFAULT_MAX_LINE_BYTES, readLinePieces } from '../otlp/json-line-stream.ts';
import type { JsonRequest } from '../otlp/json-request.ts';
import { ReceiverGone, type Sent } from './import-sender.ts';
import { CommandFailed } from './output.ts';

/** A place in a file that did not reach the receiver, and why. */
export interface ImportProblem {
  /** From 1. */
  line: number;
  kind: 'torn' | 'unreadable' | 'refused';
  message: string;
}

/**
 * What became of one file.
 * - `read`: to its end; `sent`, `refused` and `unreadable` say how well.
 * - `stopped`: the receiver was gone; everything before line `stoppedAt` is through.
 * - `failed`: the file could not be read to its end.
 * - `waiting`: not begun, because the receiver was gone before.
 */
export interface ImportedFile {
  file: string;
  state: 'read' | 'stopped' | 'failed' | 'waiting';
  /** Requests that were read. */
  requests: number;
  /** Spans, points and log records that the receiver acknowledged. */
  sent: number;
  refused: number;
  /** Half requests at places where their writer was killed: nobody got an acknowledgement for them. */
  torn: number;
  /** Pieces of lines that are no OTLP. */
  unreadable: number;
  /** The first of them. */
  problems: ImportProblem[];
  stoppedAt: number | undefined;
  message: string | undefined;
}

export interface ReadingOptions {
  /** Requests of one signal, in order. Default sends nothing (a look at the files). */
  send: ((requests: readonly JsonRequest[]) => Promise<Sent>) | undefined;
  /** Longest line, bytes; default 128 MiB. */
  maxLineBytes?: number;
}

/** Lines are joined up to this, so that a file of small requests does not take a round trip for each. */
const JOINED_BYTES = 2 * 1024 * 1024;
const PROBLEMS_SHOWN = 20;
const READ_BYTES = 1024 * 1024;
const JSON_LINES = /\.(jsonl|json|ndjson)(\.(gz|zst))?$/;

/**
 * Files as they were named, and the JSON lines files in folders that were named. A rotated file
 * (`traces-2026-11-24T21-15-31.877-size.jsonl`) sorts before the one that is written now (`traces.jsonl`), as is right.
 * @throws CommandFailed with the path that is not there
 */
export function filesOf(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (path === '-') return [path];
    let isFolder: boolean;
    try {
      isFolder = statSync(path).isDirectory();
    } catch (error) {
      throw new CommandFailed(
        `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
        2,
      );
    }
    if (!isFolder) return [path];
    const found = readdirSync(path)
      .filter((name) => JSON_LINES.test(name))
      .toSorted();
    if (found.length === 0) throw new CommandFailed(`${path} holds no .jsonl file`, 2);
    return found.map((name) => join(path, name));
  });
}

/** Reads files one after the other in bounded memory (a line, and what is joined to it) and sends what they hold. */
export async function importFiles(
  files: readonly string[],
  options: ReadingOptions,
): Promise<ImportedFile[]> {
  const imported: ImportedFile[] = [];
  let gone = false;
  for (const file of files) {
    const result: ImportedFile = gone ? blank(file, 'waiting') : await importFile(file, options);
    gone ||= result.state === 'stopped';
    imported.push(result);
  }
  return imported;
}

function blank(file: string, state: ImportedFile['state']): ImportedFile {
  return {
    file,
    state,
    requests: 0,
    sent: 0,
    refused: 0,
    torn: 0,
    unreadable: 0,
    problems: [],
    stoppedAt: undefined,
    message: undefined,
  };
}

async function importFile(file: string, { send, maxLineBytes }: ReadingOptions): Promise<ImportedFile> {
  const result = blank(file, 'read');
  const problem = (line: number, kind: ImportProblem['kind'], message: string): void => {
    if (result.problems.length < PROBLEMS_SHOWN) result.problems.push({ line, kind, message });
  };
  let held: { line: number; request: JsonRequest }[] = [];
  let heldBytes = 0;
  const flush = async (): Promise<void> => {
    const batch = held;
    held = [];
    heldBytes = 0;
    const [first] = batch;
    if (first === undefined || send === undefined) return;
    result.stoppedAt = first.line;
    const { accepted, refused, reason } = await send(batch.map(({ request }) => request));
    result.stoppedAt = undefined;
    result.sent += accepted;
    result.refused += refused;
    if (refused > 0) problem(first.line, 'refused', `${refused} items: ${reason ?? 'no reason given'}`);
  };
  try {
    for await (const piece of readLinePieces(open(file), maxLineBytes ?? DEFAULT_MAX_LINE_BYTES)) {
      if (piece.kind !== 'request') {
        result[piece.kind]++;
        problem(piece.line, piece.kind, `${piece.bytes} bytes: ${piece.reason}`);
        continue;
      }
      const { request } = piece;
      result.requests++;
      const last = held.at(-1)?.request;
      const joins = last?.joinable && request.joinable && last.signal === request.signal;
      if (!joins || heldBytes + request.bytes.length > JOINED_BYTES) await flush();
      held.push(piece);
      heldBytes += request.bytes.length;
    }
    await flush();
  } catch (error) {
    result.state = error instanceof ReceiverGone ? 'stopped' : 'failed';
    result.message = (error as Error).message;
  }
  return result;
}

function open(file: string): AsyncIterable<Uint8Array> {
  const raw: Readable = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: READ_BYTES });
  const unpack = file.endsWith('.gz')
    ? createGunzip()
    : file.endsWith('.zst')
      ? createZstdDecompress()
      : undefined;
  if (unpack === undefined) return raw;
  // An error of the file must end the reading of what is unpacked from it.
  raw.on('error', (error) => unpack.destroy(error));
  return raw.pipe(unpack);
}
