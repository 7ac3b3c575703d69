import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { packageVersion } from '../package-version.ts';
import type { OtlpTarget } from '../settings/target.ts';

/** An answer, or why there is none. */
export type SendResult =
  | {
      readonly answered: true;
      readonly status: number;
      readonly body: Buffer;
      readonly retryAfterMs?: number;
    }
  | { readonly answered: false; readonly error: string; readonly code?: string };

const CONTENT_TYPE = { 'http/protobuf': 'application/x-protobuf', 'http/json': 'application/json' } as const;
/** An OTLP answer is a few bytes; more than this is something else. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** What a write to a connection that the other side has closed gives. */
const STALE_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
const compress = promisify(gzip);

export interface OtlpSenderOptions {
  /**
   * True: neither a request under way nor an idle connection keeps the process alive, so that a dead receiver does
   * not hold back the end of a program. Who waits for a result then must keep the process alive itself.
   */
  background?: boolean;
}

/**
 * Posts OTLP request bodies over kept-alive connections and tells the true answer. No retries, but for a kept
 * connection that turned out to be closed: what to do about a failure is the caller's decision. Never rejects.
 */
export class OtlpSender {
  readonly target: OtlpTarget;
  readonly #background: boolean;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;
  readonly #underWay = new Set<ClientRequest>();

  constructor(target: OtlpTarget, options: OtlpSenderOptions = {}) {
    this.target = target;
    this.#background = options.background ?? false;
    const secure = target.url.startsWith('https:');
    this.#request = secure ? httpsRequest : httpRequest;
    this.#agent = secure
      ? new HttpsAgent({ keepAlive: true, ...target.tls })
      : new HttpAgent({ keepAlive: true });
  }

  async send(body: Uint8Array): Promise<SendResult> {
    const headers: Record<string, string> = {
      ...this.target.headers,
      'content-type': CONTENT_TYPE[this.target.protocol],
      'user-agent': `llm-otel/${packageVersion()}`,
    };
    let bytes = body;
    if (this.target.compression === 'gzip') {
      bytes = await compress(body);
      headers['content-encoding'] = 'gzip';
    }
    headers['content-length'] = String(bytes.byteLength);
    // Our own requests must not become spans that are exported by further requests.
    return context.with(suppressTracing(ROOT_CONTEXT), async () => {
      const first = await this.#post(bytes, headers);
      // A receiver may close an idle connection in the moment in which it is used again: that is no outage.
      return first.stale ? (await this.#post(bytes, headers)).result : first.result;
    });
  }

  /** Breaks off what is under way and closes the connections. */
  destroy(): void {
    for (const request of this.#underWay) request.destroy(new Error('the exporter was shut down'));
    this.#agent.destroy();
  }

  #post(body: Uint8Array, headers: Record<string, string>): Promise<{ result: SendResult; stale: boolean }> {
    return new Promise((resolve) => {
      let request: ClientRequest;
      try {
        request = this.#request(this.target.url, { method: 'POST', headers, agent: this.#agent });
      } catch (error) {
        resolve({ result: failure(error), stale: false });
        return;
      }
      this.#underWay.add(request);
      const { timeoutMs } = this.target;
      const timer = setTimeout(
        () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const settle = (result: SendResult, stale = false): void => {
        clearTimeout(timer);
        this.#underWay.delete(request);
        resolve({ result, stale });
      };
      if (this.#background) {
        timer.unref();
        request.on('socket', (socket) => socket.unref());
      }
      request.on('error', (error: NodeJS.ErrnoException) =>
        settle(failure(error), request.reusedSocket && STALE_CODES.has(error.code ?? '')),
      );
      request.on('response', (response) => {
        readAnswer(response).then(
          (result) => settle(result),
          (error: unknown) => settle(failure(error)),
        );
      });
      request.end(body);
    });
  }
}

async function readAnswer(response: IncomingMessage): Promise<SendResult> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], Date.now());
  return {
    answered: true,
    status: response.statusCode ?? 0,
    body: Buffer.concat(chunks),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Retry-After is seconds or an HTTP date (RFC 9110 §10.2.3). */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function failure(error: unknown): SendResult {
  const { message, code } = error as NodeJS.ErrnoException;
  // An AggregateError of several addresses has no message of its own.
  return {
    answered: false,
    error: message || code || 'the connection failed',
    ...(code !== undefined && { code }),
  };
}
