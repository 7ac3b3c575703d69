import { diag } from '@opentelemetry/api';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExchangeEnd, ObservedReply, ObserveExchange } from '../http/exchange-observer.ts';
import { recordOf } from '../http/http1-server.ts';
import { recordOfHttp2 } from '../http/http2-server.ts';
import { foreignScopes } from '../http/request-scope.ts';
import { AdapterExchange } from './adapter-exchange.ts';

const SEEN = Symbol('llm-otel adapter');
interface Marked {
  [SEEN]?: true;
}

/** What a framework adapter does with a request. */
export interface AdaptedRequest {
  /** Runs the rest of the request, so that a generation started in it finds the request. */
  run<T>(work: () => T): T;
  /** The router has found the route. */
  setRoute(route: string | undefined): void;
}

/** For what is not to be recorded, or is already. */
const UNSEEN: AdaptedRequest = { run: (work) => work(), setRoute: () => {} };

/**
 * Observes one exchange of `node:http` for a framework adapter. Where `llm-otel/register` has seen the request, it
 * records: nothing is counted twice, only the route is added (and the reading, for a route that only the adapter
 * knows). Never throws.
 */
export function adaptNode(
  request: IncomingMessage,
  response: ServerResponse,
  observe: ObserveExchange,
  routeAtEnd?: () => string | undefined,
): AdaptedRequest {
  try {
    if ((request as Marked)[SEEN]) return UNSEEN;
    (request as Marked)[SEEN] = true;
    const record = recordOf(request) ?? recordOfHttp2(request);
    if (record) {
      if (!record.observer && !record.explicitGeneration && !record.ended) {
        const observer = observe(record);
        if (observer) {
          record.observer = observer;
          feedBody(request, {
            chunk: (chunk) => record.requestChunk(chunk),
            end: () => record.requestChunk(null),
          });
        }
      }
      return { run: (work) => work(), setRoute: (route) => void (record.route ??= route) };
    }
    return new NodeExchange(request, response, observe, routeAtEnd);
  } catch (error) {
    diag.warn(`llm-otel: a request could not be recorded: ${String(error)}`);
    return UNSEEN;
  }
}

/** An exchange that nobody else observes. */
class NodeExchange extends AdapterExchange implements AdaptedRequest {
  readonly method: string;
  readonly path: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    observe: ObserveExchange,
    routeAtEnd: (() => string | undefined) | undefined,
  ) {
    super();
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? 'GET';
    // Express takes the place where a router is mounted off `url` and keeps the whole in `originalUrl`.
    const { originalUrl } = request as { originalUrl?: unknown };
    const target = typeof originalUrl === 'string' ? originalUrl : (request.url ?? '/');
    this.path = target.split('?', 1)[0] as string;
    this.observe(observe);
    if (this.observed) {
      feedBody(request, {
        chunk: (chunk) => this.tell((observer) => observer.requestChunk(chunk)),
        end: () => this.tell((observer) => observer.requestEnd()),
      });
      this.#tapReply();
    }
    this.#keepScope();
    response.once('close', () => {
      // The compatibility API of HTTP/2 has no `writableFinished`.
      const completed = response.writableFinished ?? response.writableEnded;
      const end: ExchangeEnd = {
        endTime: performance.now(),
        completed,
        error: completed ? undefined : (response.errored ?? undefined),
      };
      const route = routeAtEnd?.();
      if (route !== undefined) this.route = route;
      this.tell((observer) => observer.close(end, this.#reply()));
    });
  }

  requestHeader(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }
  setRoute(route: string | undefined): void {
    if (route !== undefined) this.route = route;
  }

  /** A body's `data` and `end` come from the parser, outside of the handler's asynchronous context. */
  #keepScope(): void {
    const request = this.#request;
    const emit = request.emit.bind(request);
    request.emit = (...args: Parameters<typeof emit>) => foreignScopes.run(this, () => emit(...args));
  }

  /** Wraps `write` and `end` of this response; arguments and back-pressure pass untouched. */
  #tapReply(): void {
    const response = this.#response;
    const write = response.write.bind(response);
    const end = response.end.bind(response);
    let ending = false;
    const tell = (args: unknown[], at: number): void => {
      const chunk = args[0];
      const encoding = typeof args[1] === 'string' ? (args[1] as BufferEncoding) : undefined;
      if (
        typeof chunk === 'string' ? chunk.length > 0 : chunk instanceof Uint8Array && chunk.byteLength > 0
      ) {
        this.tell((observer) =>
          observer.replyChunk(chunk as string | Uint8Array, encoding, at, this.#reply()),
        );
      }
    };
    response.write = ((...args: unknown[]) => {
      const at = performance.now();
      const open = !response.writableEnded && !ending;
      const more = Reflect.apply(write, undefined, args);
      if (open) tell(args, at);
      return more;
    }) as typeof write;
    response.end = ((...args: unknown[]) => {
      const at = performance.now();
      const open = !response.writableEnded;
      // `end` may call `write` of this very response: that would count the last chunk twice.
      ending = true;
      const self = Reflect.apply(end, undefined, args);
      if (open) tell(args, at);
      return self;
    }) as typeof end;
  }

  #reply(): ObservedReply {
    const response = this.#response;
    return {
      statusCode: response.headersSent ? response.statusCode : 0,
      header(name) {
        const value = response.getHeader(name) ?? sentHeader(response, name);
        return value === undefined ? undefined : String(Array.isArray(value) ? value[0] : value);
      },
    };
  }
}

/** `writeHead(200, {...})` without earlier `setHeader` keeps no headers but the text that it sends. */
function sentHeader(response: ServerResponse, name: string): string | undefined {
  const { _header: text } = response as { _header?: string | null };
  return text ? new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'im').exec(text)?.[1] : undefined;
}

interface BodySink {
  chunk(chunk: Uint8Array): void;
  end(): void;
}

/**
 * Gives the body of a request to whoever observes it: as the parser brings it; as the program reads it, when a part
 * had come before; or what a body parser has made of it already.
 */
function feedBody(request: IncomingMessage, sink: BodySink): void {
  if (request.readableEnded) {
    const { body } = request as { body?: unknown };
    const known = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body ?? {});
    sink.chunk(bytesOf(known));
    sink.end();
  } else if (request.complete || request.readableLength > 0) {
    const emit = request.emit.bind(request);
    request.emit = (event: string | symbol, ...args: unknown[]): boolean => {
      // A stream emits `data` for every way of reading.
      if (event === 'data' && isChunk(args[0])) sink.chunk(bytesOf(args[0]));
      else if (event === 'end') sink.end();
      return emit(event, ...args);
    };
  } else {
    const push = request.push.bind(request);
    request.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      const more = push(chunk, encoding);
      if (chunk === null) sink.end();
      else if (isChunk(chunk)) sink.chunk(bytesOf(chunk));
      return more;
    };
  }
}

function isChunk(chunk: unknown): chunk is string | Uint8Array {
  return typeof chunk === 'string' || chunk instanceof Uint8Array;
}

function bytesOf(chunk: string | Uint8Array): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}
