import {
  type Attributes,
  type Context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { IncomingHttpHeaders } from 'node:http';
import { ATTR } from '../../conventions/index.ts';
import type { BoundUpDownCounter } from '../../telemetry/instruments/bound.ts';
import { clientAddress } from './client-address.ts';
import type {
  ExchangeEnd,
  ExchangeObserver,
  ObservedReply,
  ObservedRequest,
  ObserveExchange,
} from './exchange-observer.ts';
import { parseHost } from './host-header.ts';
import type { HttpMetrics, HttpSeriesKey } from './http-metrics.ts';
import { methodIndex, methodName, OTHER_METHOD } from './methods.ts';
import { redactQuery } from './redact-query.ts';
import { REQUEST_SCOPE, type RequestScope } from './request-scope.ts';
import { reportOnce } from './report-once.ts';

/** What all requests of a connection share. */
export interface Peer {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** A request as its protocol gives it. */
export interface RequestLine {
  method: string;
  /** Request target: path and query, or a whole URL from a client that talks to a proxy. */
  target: string;
  /** Host or :authority. */
  host: string | undefined;
  secure: boolean;
  protocolVersion: string;
  headers: IncomingHttpHeaders;
  peer: Peer;
}

/** What the recorder needs of the rest of the instrumentation. */
export interface ServerRecording {
  readonly tracer: Tracer;
  readonly metrics: HttpMetrics;
}

/** The key under which the API keeps the span in a context: found by asking, since it is private. */
const SPAN_KEY = spanKey();
/** Headers that carry trace context; read once, since the propagator's list is copied at every call. */
let carriers: readonly string[] | undefined;

/**
 * One request to a server: its span, its measurements, and at the same time the OpenTelemetry context that its
 * handler runs in. One object, since every allocation of this path is paid by every request.
 */
export class ServerRequest implements Context, RequestScope, ObservedRequest, HttpSeriesKey {
  readonly startTime: number;
  readonly method: string;
  readonly path: string;
  readonly methodIndex: number;
  readonly secure: boolean;
  readonly protocolVersion: string;
  /** Set by framework adapters; see `routeOf`. */
  route: string | undefined = undefined;
  statusCode = 0;
  errorType: string | undefined = undefined;
  span: Span | undefined = undefined;
  observer: ExchangeObserver | undefined = undefined;
  /** Route that the observer knows, for a program without a router. */
  fallbackRoute: string | undefined = undefined;
  /** Pieces of the reply body, and when the first was written. */
  chunks = 0;
  firstByteAt = 0;
  /** True when the reply was written in pieces rather than at once. */
  streamed = false;
  ended = false;

  readonly #recording: ServerRecording;
  readonly #line: RequestLine;
  readonly #active: BoundUpDownCounter;
  #parent: Context = ROOT_CONTEXT;
  #foreign = false;
  #startTimeGiven = false;
  #explicitGeneration = false;

  constructor(recording: ServerRecording, line: RequestLine, startTime: number) {
    this.#recording = recording;
    this.#line = line;
    this.startTime = startTime;
    this.methodIndex = methodIndex(line.method);
    this.method = line.method;
    this.secure = line.secure;
    this.protocolVersion = line.protocolVersion;
    const query = line.target.indexOf('?');
    this.path = pathOf(query < 0 ? line.target : line.target.slice(0, query));
    this.#active = recording.metrics.active(this.methodIndex, line.secure);
    this.#active.add(1);
  }

  get context(): Context {
    return this;
  }
  get explicitGeneration(): boolean {
    return this.#explicitGeneration;
  }
  set explicitGeneration(value: boolean) {
    this.#explicitGeneration = value;
    if (value && this.observer) {
      this.observer.standBack();
      this.observer = undefined;
    }
  }
  /** Asks for an observer of this exchange. */
  observe(give: ObserveExchange): void {
    this.observer = give(this);
    this.fallbackRoute = this.observer?.route;
  }
  requestHeader(name: string): string | undefined {
    const value = this.#line.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** Starts the SERVER span, child of what the request's headers name; `startTime` for one that began earlier. */
  open(startTime = this.observer ? this.startTime : undefined): void {
    const { tracer } = this.#recording;
    const { headers } = this.#line;
    carriers ??= propagation.fields();
    for (const name of carriers) {
      if (headers[name] !== undefined) {
        this.#parent = propagation.extract(ROOT_CONTEXT, headers);
        break;
      }
    }
    this.#startTimeGiven = startTime !== undefined;
    this.span = tracer.startSpan(
      methodName(this.methodIndex) === OTHER_METHOD ? 'HTTP' : this.method,
      { kind: SpanKind.SERVER, attributes: this.#startAttributes(), startTime },
      this.#parent,
    );
  }

  /** Another instrumentation records this request: no span of ours, no duration. */
  yield(): void {
    this.#foreign = true;
  }
  /** The span that another instrumentation made: ours only adds to it. */
  adopt(span: Span, parent: Context): void {
    this.#foreign = true;
    this.span = span;
    this.#parent = parent;
  }

  getValue(key: symbol): unknown {
    if (key === SPAN_KEY) return this.span;
    if (key === REQUEST_SCOPE) return this;
    return this.#parent.getValue(key);
  }
  setValue(key: symbol, value: unknown): Context {
    return this.#plain().setValue(key, value);
  }
  deleteValue(key: symbol): Context {
    return this.#plain().deleteValue(key);
  }
  #plain(): Context {
    const scoped = this.#parent.setValue(REQUEST_SCOPE, this);
    return this.span ? trace.setSpan(scoped, this.span) : scoped;
  }

  /** A piece of the reply body was handed on; `at` when the program wrote it. */
  replyChunk(
    chunk: Uint8Array | string,
    encoding: BufferEncoding | undefined,
    at: number,
    reply: ObservedReply,
  ): void {
    if (this.chunks++ === 0) this.firstByteAt = at;
    if (!this.observer) return;
    try {
      this.observer.replyChunk(chunk, encoding, at, reply);
    } catch (error) {
      this.#drop(error);
    }
  }
  requestChunk(chunk: Uint8Array | null): void {
    if (!this.observer) return;
    try {
      if (chunk) this.observer.requestChunk(chunk);
      else this.observer.requestEnd();
    } catch (error) {
      this.#drop(error);
    }
  }

  /** Ends everything. `statusCode` is 0 when no status was sent. */
  finish(end: ExchangeEnd, statusCode: number, route: string | undefined, reply: ObservedReply): void {
    if (this.ended) return;
    this.ended = true;
    this.#active.add(-1);
    this.statusCode = statusCode;
    this.route ??= route ?? this.fallbackRoute;
    if (end.error) this.errorType = errorTypeOf(end.error);
    if (!this.#foreign) {
      this.#recording.metrics.duration(this).record((end.endTime - this.startTime) / 1000);
      // Answered without a handler (400, 417, 503): the span begins late, with the time of the beginning.
      if (!this.span) this.open(this.startTime);
    }
    if (this.observer) {
      try {
        this.observer.close(end, reply);
      } catch (error) {
        this.#drop(error);
      }
    }
    if (this.span) this.#endSpan(this.span, end);
  }

  #endSpan(span: Span, end: ExchangeEnd): void {
    if (this.streamed) {
      span.setAttribute(ATTR.servingTimeToFirstByte, (this.firstByteAt - this.startTime) / 1000);
      span.setAttribute(ATTR.servingChunks, this.chunks);
    }
    if (this.route !== undefined) span.setAttribute(ATTR.httpRoute, this.route);
    if (!end.completed && !end.error) span.setAttribute(ATTR.outcome, 'aborted');
    if (this.#foreign) return;
    if (this.route !== undefined) {
      const method = methodName(this.methodIndex);
      span.updateName(`${method === OTHER_METHOD ? 'HTTP' : method} ${this.route}`);
    }
    if (this.statusCode > 0) span.setAttribute(ATTR.httpResponseStatusCode, this.statusCode);
    if (this.errorType !== undefined || this.statusCode >= 500) {
      span.setAttribute(ATTR.errorType, this.errorType ?? String(this.statusCode));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    // The SDK takes the wall clock's end for a span whose start was given: it must be given too.
    if (this.#startTimeGiven) span.end(end.endTime);
    else span.end();
  }

  #startAttributes(): Attributes {
    const { target, host, headers, peer } = this.#line;
    const attributes: Attributes = {};
    const method = methodName(this.methodIndex);
    attributes[ATTR.httpRequestMethod] = method;
    if (method === OTHER_METHOD) attributes[ATTR.httpRequestMethodOriginal] = this.method;
    attributes[ATTR.urlPath] = this.path;
    const query = target.indexOf('?');
    if (query >= 0 && query < target.length - 1)
      attributes[ATTR.urlQuery] = redactQuery(target.slice(query + 1));
    attributes[ATTR.urlScheme] = this.secure ? 'https' : 'http';
    if (host !== undefined) {
      const parts = parseHost(host);
      attributes[ATTR.serverAddress] = parts.address;
      if (parts.port !== undefined) attributes[ATTR.serverPort] = parts.port;
    }
    const client = clientAddress(headers) ?? peer.address;
    if (client !== undefined) attributes[ATTR.clientAddress] = client;
    if (peer.address !== undefined) attributes[ATTR.networkPeerAddress] = peer.address;
    if (peer.port !== undefined) attributes[ATTR.networkPeerPort] = peer.port;
    attributes[ATTR.networkProtocolVersion] = this.protocolVersion;
    const agent = headers['user-agent'];
    if (agent !== undefined) attributes[ATTR.userAgent] = agent;
    return attributes;
  }

  #drop(error: unknown): void {
    this.observer = undefined;
    reportOnce('reading an exchange failed; its generation is not recorded', error);
  }
}

/** A target may be a whole URL (`GET http://host/path`): only its path counts. */
function pathOf(target: string): string {
  if (target.startsWith('/') || target === '*') return target;
  const match = /^[a-z][a-z0-9+.-]*:\/\/[^/]*(\/.*)?$/i.exec(target);
  return match ? (match[1] ?? '/') : target;
}

function errorTypeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && code !== '' ? code : error.name;
}

function spanKey(): symbol {
  let found: symbol | undefined;
  const probe: Context = {
    getValue: () => undefined,
    setValue(key) {
      found = key;
      return probe;
    },
    deleteValue: () => probe,
  };
  trace.setSpan(probe, trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 }));
  return found as symbol;
}
