import { context, type Span, SpanKind, trace } from '@opentelemetry/api';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ObservedReply, ObserveExchange } from './exchange-observer.ts';
import { foreignScopes, REQUEST_SCOPE } from './request-scope.ts';
import { reportOnce } from './report-once.ts';
import { expressRoute } from './route.ts';
import { type Peer, ServerRequest, type ServerRecording } from './server-request.ts';

/** Typed without `this`, since each is called with one. */
type Emit = (this: EventEmitter, event: string | symbol, ...args: unknown[]) => boolean;
type Push = (this: IncomingMessage, chunk: Uint8Array | null, encoding?: BufferEncoding) => boolean;
interface ReplyMethods {
  write: (this: ServerResponse, ...args: unknown[]) => boolean;
  end: (this: ServerResponse, ...args: unknown[]) => ServerResponse;
}
interface RequestStart {
  request: IncomingMessage;
  response: ServerResponse;
  socket: Socket;
  server: Server;
}

const RECORD = Symbol('llm-otel request');
const PEER = Symbol('llm-otel peer');
const WATCHED = Symbol('llm-otel watched');
const ADOPTING = Symbol('llm-otel adopting');

interface Marked {
  [RECORD]?: ServerRequest;
  [PEER]?: Peer;
  [WATCHED]?: true;
  [ADOPTING]?: true;
}
/** The wrapper that @opentelemetry/instrumentation leaves marks what it wrapped. */
interface Wrapped {
  __wrapped?: boolean;
}

export interface Http1Options extends ServerRecording {
  observe: ObserveExchange;
}

const START = 'http.server.request.start';
/** Events that hand a request to the program. */
const isRequestEvent = (event: unknown) =>
  event === 'request' || event === 'checkContinue' || event === 'checkExpectation';

/** The record of a request or response of `node:http`; undefined when it was not seen. */
export function recordOf(message: object): ServerRequest | undefined {
  return (message as Marked)[RECORD];
}

/**
 * Watches every `node:http` and `node:https` server of the process by its diagnostics channel: no loader, no patch
 * of `createServer`. Returns the way to stop.
 *
 * The channel is published before the handler is called, so that even a server's first request gets its context:
 * `emit` of the server's instance is wrapped when it is first seen, and runs the handler in the request's context.
 * That is right for keep-alive and pipelined requests, where entering a context in the subscriber is not
 * (reference: Node 22.15 leaks it into the next request; pipelining mixes them up on every version).
 */
export function watchHttp1(options: Http1Options): () => void {
  const onStart = (message: unknown) => {
    try {
      begin(options, message as RequestStart);
    } catch (error) {
      reportOnce('a request could not be recorded', error);
    }
  };
  const unwrap = wrapReplies();
  subscribe(START, onStart);
  return () => {
    unsubscribe(START, onStart);
    unwrap();
  };
}

function begin(options: Http1Options, { request, response, socket, server }: RequestStart): void {
  if (!(server as Marked)[WATCHED]) watchServer(server);
  const { headers } = request;
  const record = new ServerRequest(
    options,
    {
      method: request.method ?? 'GET',
      target: request.url ?? '/',
      host: headers.host,
      secure: 'encrypted' in socket,
      protocolVersion: request.httpVersion,
      headers,
      peer: peerOf(socket),
    },
    performance.now(),
  );
  (response as Marked)[RECORD] = record;
  (request as Marked)[RECORD] = record;
  response.on('close', onClose);
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
    request.emit = emitInContext;
    record.observe(options.observe);
    if (record.observer) request.push = pushObserved;
  }
  // A pipelined reply that still waits for its turn when the connection breaks gets no `close`.
  if ((socket as { _httpMessage?: unknown })._httpMessage) request.on('close', closeWithoutTurn);
}

function peerOf(socket: Socket): Peer {
  const marked = socket as Marked;
  let peer = marked[PEER];
  if (!peer) {
    peer = { address: socket.remoteAddress, port: socket.remotePort };
    marked[PEER] = peer;
  }
  return peer;
}

function watchServer(server: Server): void {
  (server as Marked)[WATCHED] = true;
  const own = Object.hasOwn(server, 'emit') ? (server as { emit: Emit }).emit : undefined;
  const prototype = Object.getPrototypeOf(server) as { emit: Emit };
  (server as { emit: Emit }).emit = function emit(event, ...args): boolean {
    // Asked each time: an SDK that starts later wraps the prototype, and must be noticed.
    const base = own ?? prototype.emit;
    if (!isRequestEvent(event)) return base.call(this, event, ...args);
    const request = args[0] as IncomingMessage;
    const response = args[1] as ServerResponse;
    const record = (response as Marked | undefined)?.[RECORD];
    if (!record || record.span) return base.call(this, event, ...args);
    if ((base as Wrapped).__wrapped) {
      record.yield();
      adoptInside(server);
      return foreignScopes.run(record, emitRequest, base, server, event, request, response);
    }
    try {
      const foreign = foreignSpan();
      if (foreign) record.adopt(foreign, context.active());
      else record.open();
    } catch (error) {
      reportOnce('a span could not be started', error);
    }
    return context.with(record, emitRequest, undefined, base, server, event, request, response);
  };
}

function emitRequest(
  base: Emit,
  server: Server,
  event: string | symbol,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  return base.call(server, event, request, response);
}

/** A SERVER span that somebody else has made active for this request; never one of ours. */
function foreignSpan(): Span | undefined {
  const active = context.active();
  const span = trace.getSpan(active);
  if (!span || (span as { kind?: SpanKind }).kind !== SpanKind.SERVER || !span.isRecording())
    return undefined;
  return active.getValue(REQUEST_SCOPE) === undefined ? span : undefined;
}

/**
 * Where instrumentation-http wraps the prototype, its span is active only inside of our wrapper: the first listener
 * finds it there.
 */
function adoptInside(server: Server): void {
  if ((server as Marked)[ADOPTING]) return;
  (server as Marked)[ADOPTING] = true;
  const adopt = (_request: IncomingMessage, response: ServerResponse) => {
    const record = (response as Marked)[RECORD];
    if (!record || record.span) return;
    const span = trace.getActiveSpan();
    if (span) record.adopt(span, context.active());
  };
  server.prependListener('request', adopt);
  if (server.listenerCount('checkContinue') > 0) server.prependListener('checkContinue', adopt);
}

/** `emit` of a request with a body: its `data` and `end` come from the parser, outside of every request's context. */
function emitInContext(this: IncomingMessage, event: string | symbol, ...args: unknown[]): boolean {
  const record = (this as Marked)[RECORD];
  const { emit } = Object.getPrototypeOf(this) as { emit: Emit };
  if (!record?.span) return emit.call(this, event, ...args);
  return context.with(record, emit, this, event, ...args);
}

/** `push` of a request: the parser calls it for every piece of the body, whether or not somebody reads. */
function pushObserved(this: IncomingMessage, chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
  const { push } = Object.getPrototypeOf(this) as { push: Push };
  const more = push.call(this, chunk, encoding);
  (this as Marked)[RECORD]?.requestChunk(chunk);
  return more;
}

function closeWithoutTurn(this: IncomingMessage): void {
  const record = (this as Marked)[RECORD];
  if (!record || record.ended || !this.socket.destroyed) return;
  const end = { endTime: performance.now(), completed: false, error: undefined };
  record.finish(end, 0, undefined, { statusCode: 0, header: () => undefined });
}

function onClose(this: ServerResponse): void {
  const record = (this as Marked)[RECORD];
  if (!record || record.ended) return;
  try {
    const completed = this.writableFinished;
    const end = {
      endTime: performance.now(),
      completed,
      error: completed ? undefined : ownError(this),
    };
    record.finish(
      end,
      this.headersSent ? this.statusCode : 0,
      record.route === undefined ? expressRoute(this.req) : undefined,
      record.observer ? new Reply(this) : NO_REPLY,
    );
  } catch (error) {
    reportOnce('a request could not be ended', error);
  }
}

/** Why the program gave up on its reply. Node itself destroys replies that wait for their turn when a client leaves. */
function ownError(response: ServerResponse): Error | undefined {
  const error: NodeJS.ErrnoException | undefined = response.errored ?? undefined;
  return response.socket === null && error?.code === 'ECONNRESET' ? undefined : error;
}

class Reply implements ObservedReply {
  readonly #response: ServerResponse;
  constructor(response: ServerResponse) {
    this.#response = response;
  }
  get statusCode(): number {
    return this.#response.statusCode;
  }
  header(name: string): string | undefined {
    const value = this.#response.getHeader(name) ?? sentHeader(this.#response, name);
    return value === undefined ? undefined : String(Array.isArray(value) ? value[0] : value);
  }
}
const NO_REPLY: ObservedReply = { statusCode: 0, header: () => undefined };

/** `writeHead(200, {...})` without earlier `setHeader` keeps no headers but the text that it sends. */
function sentHeader(response: ServerResponse, name: string): string | undefined {
  const { _header: text } = response as { _header?: string | null };
  if (!text) return undefined;
  const lower = text.toLowerCase();
  const start = lower.indexOf(`\r\n${name}:`);
  if (start < 0) return undefined;
  const from = start + name.length + 3;
  const to = text.indexOf('\r\n', from);
  return text.slice(from, to < 0 ? undefined : to).trim();
}

/**
 * Wraps `write` and `end` of all responses once, on the prototype: no closure a request. Arguments and the returned
 * back-pressure signal pass untouched; responses that were not seen pass as they are.
 */
function wrapReplies(): () => void {
  const prototype = ServerResponse.prototype as unknown as ReplyMethods;
  const { write, end } = prototype;
  const wrappedWrite: ReplyMethods['write'] = function (...args) {
    const record = (this as Marked)[RECORD];
    if (record === undefined || this.writableEnded || !hasLength(args[0]))
      return Reflect.apply(write, this, args);
    const at = record.chunks === 0 || record.observer ? performance.now() : 0;
    const more = Reflect.apply(write, this, args);
    record.streamed = true;
    passChunk(this, record, args, at);
    return more;
  };
  const wrappedEnd: ReplyMethods['end'] = function (...args) {
    const record = (this as Marked)[RECORD];
    if (record === undefined || this.writableEnded || !hasLength(args[0]))
      return Reflect.apply(end, this, args);
    const at = record.observer ? performance.now() : 0;
    const self = Reflect.apply(end, this, args);
    passChunk(this, record, args, at);
    return self;
  };
  prototype.write = wrappedWrite;
  prototype.end = wrappedEnd;
  return () => {
    // Somebody who wrapped ours since then keeps calling it; it then only passes on.
    if (prototype.write === wrappedWrite) prototype.write = write;
    if (prototype.end === wrappedEnd) prototype.end = end;
  };
}

function hasLength(chunk: unknown): boolean {
  return typeof chunk === 'string' ? chunk.length > 0 : chunk instanceof Uint8Array && chunk.byteLength > 0;
}

function passChunk(response: ServerResponse, record: ServerRequest, args: unknown[], at: number): void {
  // HEAD, 204 and 304 have no body: what is written there is not sent.
  if (!(response as { _hasBody?: boolean })._hasBody) return;
  record.replyChunk(
    args[0] as Uint8Array | string,
    typeof args[1] === 'string' ? (args[1] as BufferEncoding) : undefined,
    at,
    record.observer ? new Reply(response) : NO_REPLY,
  );
}
