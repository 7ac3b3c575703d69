import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import type { HttpError } from '../api/http-error.ts';
import { jsonChunks, toJson } from '../api/json-chunks.ts';
import type { StaticFile } from './static-files.ts';

const compress = promisify(gzip);

/** Bodies up to here are sent in one piece, with their length. */
const WHOLE = 64 * 1024;
/** Characters that are encoded before the event loop gets its turn: about a millisecond of work. */
const TURN = 256 * 1024;
/** Errors of a client that went away. */
const GONE: ReadonlySet<string> = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE']);
/** Below this, compression costs more than it saves. */
const WORTH_COMPRESSING = 1400;

/**
 * Sends JSON. A large body is encoded, compressed and sent in slices with back pressure, so that a series of a
 * million points holds up neither the event loop nor the memory.
 */
export async function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  value: unknown,
): Promise<void> {
  const pieces = jsonChunks(value);
  const first: string[] = [];
  let length = 0;
  let whole = false;
  while (length <= WHOLE) {
    const { value: piece, done } = pieces.next();
    whole = done === true;
    if (whole) break;
    first.push(piece as string);
    length += (piece as string).length;
  }
  const zip = acceptsGzip(request) && (!whole || length >= WORTH_COMPRESSING);
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    vary: 'accept-encoding',
    ...(zip ? { 'content-encoding': 'gzip' } : {}),
  };
  if (request.method === 'HEAD') {
    response.writeHead(200, headers).end();
    return;
  }
  if (whole) {
    const text = Buffer.from(first.join(''));
    const body = zip ? await compress(text, { level: 6 }) : text;
    response.writeHead(200, { ...headers, 'content-length': body.length }).end(body);
    return;
  }
  response.writeHead(200, headers);
  const source = Readable.from(inTurns(first, pieces), { objectMode: false });
  try {
    // Level 1: numbers compress about as well as on higher levels, at a third of the time.
    if (zip) await pipeline(source, createGzip({ level: 1 }), response);
    else await pipeline(source, response);
  } catch (error) {
    if (!GONE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Pieces as buffers of a good size, with a turn of the event loop between them. */
async function* inTurns(first: string[], rest: Iterable<string>): AsyncGenerator<Buffer, void, undefined> {
  let gathered = first;
  let length = 0;
  for (const piece of rest) {
    gathered.push(piece);
    length += piece.length;
    if (length < TURN) continue;
    yield Buffer.from(gathered.join(''));
    gathered = [];
    length = 0;
    await setImmediate();
  }
  yield Buffer.from(gathered.join(''));
}

export function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  contentType: string,
  text: string,
): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': body.length,
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** An error as every route of the API gives it: `{error: {code, message}}`. */
export function sendError(request: IncomingMessage, response: ServerResponse, error: HttpError): void {
  const body = Buffer.from(toJson({ error: { code: error.code, message: error.message } }));
  response.writeHead(error.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...error.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

export function sendFile(request: IncomingMessage, response: ServerResponse, file: StaticFile): void {
  const headers = {
    'content-type': file.contentType,
    // Asked for each time, and then usually answered with 304: a new build shows at once.
    'cache-control': 'no-cache',
    etag: file.etag,
    vary: 'accept-encoding',
  };
  const known = (request.headers['if-none-match'] ?? '')
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(file.etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  const zipped = file.gzip !== undefined && acceptsGzip(request) ? file.gzip : undefined;
  const body = zipped ?? file.bytes;
  response.writeHead(200, {
    ...headers,
    'content-length': body.length,
    ...(zipped ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function acceptsGzip(request: IncomingMessage): boolean {
  const accepted = request.headers['accept-encoding'] ?? '';
  return accepted
    .split(',')
    .some((coding) => /^\s*(x-)?gzip\s*(;\s*q\s*=\s*(1(\.0*)?|0\.\d*[1-9]\d*))?\s*$/i.test(coding));
}
