import { diag } from '@opentelemetry/api';
import { tapReadable } from '../generation/tap-readable.ts';
import type { ExchangeEnd, ObservedReply, ObserveExchange } from '../http/exchange-observer.ts';
import { AdapterExchange } from './adapter-exchange.ts';

/** A body is not read beside beyond this. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** An exchange of Web `Request` and `Response`, for servers that have no messages of `node:http`. */
export class WebExchange extends AdapterExchange {
  readonly method: string;
  readonly path: string;
  readonly #request: Request;
  #bodyRead: Promise<void> | undefined;

  constructor(request: Request, observe: ObserveExchange) {
    super();
    this.#request = request;
    this.method = request.method;
    this.path = new URL(request.url).pathname;
    this.observe(observe);
    if (this.observed) this.#bodyRead = this.#readBody();
  }

  requestHeader(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }

  /** Gives back the response with its body passed through. */
  async reply(response: Response): Promise<Response> {
    if (!this.observed) return response;
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
        this.tell((observer) => observer.replyChunk(chunk, undefined, performance.now(), reply));
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
        this.tell((observer) => observer.requestChunk(chunk));
        if (bytes > MAX_BODY_BYTES) break;
      }
      this.tell((observer) => observer.requestEnd());
    } catch (error) {
      diag.debug(`llm-otel: a request body could not be read: ${String(error)}`);
    }
  }

  #close(end: ExchangeEnd, reply: ObservedReply): void {
    this.tell((observer) => observer.close(end, reply));
    this.forget();
  }
}
