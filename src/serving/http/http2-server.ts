import { context } from '@opentelemetry/api';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type * as Http2Module from 'node:http2';
import { createRequire } from 'node:module';
import type { ObservedReply, ObserveExchange } from './exchange-observer.ts';
import { reportOnce } from './report-once.ts';
import { type Peer, ServerRequest, type ServerRecording } from './server-request.ts';

type Emit = EventEmitter['emit'];
type Http2 = typeof Http2Module;

const RECORD = Symbol('llm-otel request');
const PEER = Symbol('llm-otel peer');
interface Marked {
  [RECORD]?: ServerRequest;
  [PEER]?: Peer;
}

export interface Http2Options extends ServerRecording {
  observe: ObserveExchange;
}

const CREATED = 'http2.server.stream.created';

/** The record of a stream, or of a request or response of the compatibility API. */
export function recordOfHttp2(message: object): ServerRequest | undefined {
  return (message as Marked)[RECORD] ?? ((message as { stream?: Marked }).stream ?? {})[RECORD];
}

/**
 * Watches every HTTP/2 server of the process, core and compatibility API alike: both get their streams by the
 * `stream` event of the server, whose class is wrapped once. Node 24 announces the first stream on a channel, before
 * that event, so that `node:http2` is only loaded where it is used; Node 22 has no such channel, and loads it at
 * the start. Returns the way to stop.
 */
export function watchHttp2(options: Http2Options): () => void {
  let unwrap: (() => void) | undefined;
  const wrap = () => {
    try {
      unwrap ??= wrapServers(options);
    } catch (error) {
      reportOnce('HTTP/2 servers cannot be instrumented', error);
    }
  };
  if (Number(process.versions.node.split('.', 1)[0]) >= 24) subscribe(CREATED, wrap);
  else wrap();
  return () => {
    unsubscribe(CREATED, wrap);
    unwrap?.();
  };
}

/** The classes are not exported: a server of each kind that never listens shows its prototype. */
function wrapServers(options: Http2Options): () => void {
  const http2 = createRequire(import.meta.url)('node:http2') as Http2;
  const undo = [http2.createServer(), http2.createSecureServer({})].map((server) => {
    const prototype = Object.getPrototypeOf(server) as { emit: Emit };
    const { emit } = prototype;
    const wrapped = function (this: EventEmitter, event: string | symbol, ...args: unknown[]): boolean {
      if (event !== 'stream') return emit.call(this, event, ...args);
      const record = begin(options, args[0] as ServerHttp2Stream, args[1] as IncomingHttpHeaders);
      if (!record) return emit.call(this, event, ...args);
      return context.with(record, emit as (...args: unknown[]) => boolean, this, event, ...args);
    } as Emit;
    prototype.emit = wrapped;
    return () => {
      if (prototype.emit === wrapped) prototype.emit = emit;
    };
  });
  return () => {
    for (const step of undo) step();
  };
}

function begin(
  options: Http2Options,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): ServerRequest | undefined {
  try {
    const text = (name: string) => {
      const value = (headers as Record<string, unknown>)[name];
      return typeof value === 'string' ? value : undefined;
    };
    const record = new ServerRequest(
      options,
      {
        method: text(':method') ?? 'GET',
        target: text(':path') ?? '/',
        host: text(':authority') ?? text('host'),
        secure: text(':scheme') === 'https',
        protocolVersion: '2',
        headers,
        peer: peerOf(stream.session),
      },
      performance.now(),
    );
    record.open();
    (stream as Marked)[RECORD] = record;
    record.observe(options.observe);
    stream.emit = emitInContext;
    stream.write = writeObserved as typeof stream.write;
    stream.end = endObserved as typeof stream.end;
    stream.on('close', onClose);
    if (record.observer) {
      stream.push = pushObserved;
      takeBuffered(stream, record);
    }
    return record;
  } catch (error) {
    reportOnce('an HTTP/2 request could not be recorded', error);
    return undefined;
  }
}

function peerOf(session: Http2Session | undefined): Peer {
  if (!session) return { address: undefined, port: undefined };
  const marked = session as Marked;
  marked[PEER] ??= { address: session.socket.remoteAddress, port: session.socket.remotePort };
  return marked[PEER];
}

/** Data in the same packet as the headers is buffered before the `stream` event: it is looked at where it lies. */
function takeBuffered(stream: ServerHttp2Stream, record: ServerRequest): void {
  const { _readableState: state } = stream as unknown as {
    _readableState?: { buffer?: Uint8Array[]; bufferIndex?: number; ended?: boolean };
  };
  for (const chunk of state?.buffer?.slice(state.bufferIndex ?? 0) ?? []) record.requestChunk(chunk);
  if (state?.ended) record.requestChunk(null);
}

/** What an instance's method replaces. */
function original<K extends 'emit' | 'push' | 'write' | 'end'>(
  stream: ServerHttp2Stream,
  name: K,
): ServerHttp2Stream[K] {
  return (Object.getPrototypeOf(stream) as ServerHttp2Stream)[name];
}

function emitInContext(this: ServerHttp2Stream, ...args: unknown[]): boolean {
  const emit = original(this, 'emit') as (...args: unknown[]) => boolean;
  const record = (this as Marked)[RECORD];
  return record ? context.with(record, emit, this, ...args) : emit.apply(this, args);
}

function pushObserved(this: ServerHttp2Stream, chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
  const more = original(this, 'push').call(this, chunk, encoding);
  (this as Marked)[RECORD]?.requestChunk(chunk);
  return more;
}

function writeObserved(this: ServerHttp2Stream, ...args: unknown[]): boolean {
  const at = performance.now();
  const open = !this.writableEnded;
  const more = Reflect.apply(original(this, 'write'), this, args) as boolean;
  if (open) passChunk(this, args, at, true);
  return more;
}

function endObserved(this: ServerHttp2Stream, ...args: unknown[]): ServerHttp2Stream {
  const at = performance.now();
  const open = !this.writableEnded;
  const self = Reflect.apply(original(this, 'end'), this, args) as ServerHttp2Stream;
  if (open) passChunk(this, args, at, false);
  return self;
}

function passChunk(stream: ServerHttp2Stream, args: unknown[], at: number, streamed: boolean): void {
  const [chunk, encoding] = args;
  const record = (stream as Marked)[RECORD];
  if (!record || (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) || chunk.length === 0) return;
  if (streamed) record.streamed = true;
  record.replyChunk(
    chunk,
    typeof encoding === 'string' ? (encoding as BufferEncoding) : undefined,
    at,
    new StreamReply(stream),
  );
}

function onClose(this: ServerHttp2Stream): void {
  const record = (this as Marked)[RECORD];
  if (!record) return;
  const completed = this.writableFinished && !this.aborted;
  const errored: (Error & { code?: string }) | undefined = this.errored ?? undefined;
  // The client's reset is an abort; only what the program itself gave up with is an error.
  const error = completed || errored?.code === 'ERR_HTTP2_STREAM_ERROR' ? undefined : errored;
  const reply = new StreamReply(this);
  record.finish({ endTime: performance.now(), completed, error }, reply.statusCode, undefined, reply);
}

class StreamReply implements ObservedReply {
  readonly #stream: ServerHttp2Stream;
  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }
  get statusCode(): number {
    return Number(this.#stream.sentHeaders?.[':status'] ?? 0);
  }
  header(name: string): string | undefined {
    const value = this.#stream.sentHeaders?.[name];
    return value === undefined ? undefined : String(Array.isArray(value) ? value[0] : value);
  }
}
