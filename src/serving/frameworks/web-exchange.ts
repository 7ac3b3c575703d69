import { context, type Context, diag, trace } from '@opentelemetry/api';
import { tapReadable } from '../generation/tap-readable.ts';
import type {
  ExchangeEnd,
  ExchangeObserver,
  ObservedReply,
  ObservedRequest,
  ObserveExchange,
} from '../http/exchange-observer.ts';
import { foreignScopes, type RequestScope } from '../http/request-scope.ts';

/** A body is not read beside beyond this. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** An exchange of Web `Request` and `Response`, for servers that have no messages of `node:http`. */
export class WebExchange implements ObservedRequest, RequestScope {
  readonly method: string;
  readonly path: string;
  readonly startTime = performance.now();
  readonly context: Context = context.active();
  readonly span = trace.getActiveSpan();
  route?: string;
  readonly #request: Request;
  #observer: ExchangeObserver | undefined;
  #explicit = false;
  #bodyRead: Promise<void> | undefined;

  constructor(request: Request, observe: ObserveExchange) {
    this.#request = request;
    this.method = request.method;
    this.path = new URL(request.url).pathname;
    this.#observer = observe(this);
    if (this.#observer) this.#bodyRead = this.#readBody();
  }

  get explicitGeneration(): boolean {
    return this.#explicit;
  }
  set explicitGeneration(value: boolean) {
    this.#explicit = value;
    if (!value) return;
    this.#tell((observer) => observer.standBack());
    this.#observer = undefined;
  }
  requestHeader(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }
  run<T>(work: () => T): T {
    return foreignScopes.run(this, work);
  }

  /** Gives back the response with its body passed through. */
  async reply(response: Response): Promise<Response> {
    if (!this.#observer) return response;
    // When the handler has read the body, so has this, in a moment. A reply to a body that is still on its way does
    // not wait for it.
    await Promise.race([this.#bodyRead, new Promise((resolve) => setTimeout(resolve, 0))]);
    const reply: ObservedReply = {
      statusCode: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
    };
    const { body, status, statusText, headers } = response;
    if (!body || body.locked) {
      this.#close({ endTime: performance.now(), completed: true, error: undefined }, reply);
      return response;
    }
    const end = (completed: boolean, error?: Error): void =>
      this.#close({ endTime: performance.now(), completed, error }, reply);
    const tapped = tapReadable(body, {
      chunk: (chunk) => {
        if (chunk.byteLength === 0) return;
        this.#tell((observer) => observer.replyChunk(chunk, undefined, performance.now(), reply));
      },
      done: () => end(true),
      failed: (error) => end(false, error instanceof Error ? error : new Error(String(error))),
      cancelled: () => end(false),
    });
    return new Response(tapped, { status, statusText, headers });
  }

  /** The handler failed without a reply. */
  failed(error: unknown): void {
    const reply: ObservedReply = { statusCode: 0, header: () => undefined };
    const known = error instanceof Error ? error : new Error(String(error));
    this.#close({ endTime: performance.now(), completed: false, error: known }, reply);
  }

  /** Reads a copy of the body as it comes; what is beyond the bound is left to the handler alone. */
  async #readBody(): Promise<void> {
    try {
      const copy = this.#request.bodyUsed ? undefined : this.#request.clone().body;
      let bytes = 0;
      for await (const chunk of copy ?? []) {
        bytes += chunk.byteLength;
        this.#tell((observer) => observer.requestChunk(chunk));
        if (bytes > MAX_BODY_BYTES) break;
      }
      this.#tell((observer) => observer.requestEnd());
    } catch (error) {
      diag.debug(`llm-otel: a request body could not be read: ${String(error)}`);
    }
  }

  #close(end: ExchangeEnd, reply: ObservedReply): void {
    this.#tell((observer) => observer.close(end, reply));
    this.#observer = undefined;
  }

  #tell(what: (observer: ExchangeObserver) => void): void {
    if (!this.#observer) return;
    try {
      what(this.#observer);
    } catch (error) {
      this.#observer = undefined;
      diag.warn(`llm-otel: reading an exchange failed; its generation is not recorded: ${String(error)}`);
    }
  }
}
