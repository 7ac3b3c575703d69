import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { SinkUnavailable } from '../sink-errors.ts';

/** TLS of one server: `fetch` has no such options, which is why this is `node:https`. */
export interface TlsOptions {
  /** Certificates of authorities to trust beside the system's, PEM. */
  readonly ca?: string | undefined;
  /** Our own certificate and key, PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Any certificate will do. Who listens in between can read everything. */
  readonly insecure?: boolean | undefined;
}

export interface HttpCall {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream needs its length. */
  readonly body?: string | Uint8Array | { readonly stream: Readable; readonly length: number };
  readonly signal?: AbortSignal | undefined;
  /** Never made twice by itself, not even when the connection turned out to be stale: it is not idempotent. */
  readonly once?: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** From Retry-After, seconds or a date, milliseconds; undefined without one. */
  readonly retryAfterMs: number | undefined;
}

/** An answer that is longer is cut; no tracker says anything useful beyond. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;
const SILENCE_MS = 120_000;

/**
 * One keep-alive connection to a tracker. A request does not keep the process alive: who wants to wait for it holds a
 * timer of its own. Rejects with `SinkUnavailable` when no answer comes; every status is an answer.
 */
export class HttpClient {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(tls: TlsOptions = {}) {
    const { ca, cert, key, insecure } = tls;
    const options = { keepAlive: true, maxSockets: 2, scheduling: 'lifo' } as const;
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent({
      ...options,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(insecure ? { rejectUnauthorized: false } : {}),
    });
  }

  async call(call: HttpCall): Promise<HttpReply> {
    try {
      return await this.#once(call);
    } catch (error) {
      // the server closed an idle connection just as we used it: nothing has been read of the request
      if (isStaleConnection(error) && !call.once && !isStream(call.body) && !call.signal?.aborted)
        return await this.#once(call).catch((again: unknown) => Promise.reject(unavailable(call.url, again)));
      throw unavailable(call.url, error);
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #once({ method, url, headers, body, signal }: HttpCall): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      const secure = url.protocol === 'https:';
      const options = {
        method,
        headers: { ...headers, ...lengthOf(body) },
        agent: secure ? this.#https : this.#http,
        timeout: SILENCE_MS,
        ...(signal === undefined ? {} : { signal }),
      };
      const onReply = (reply: IncomingMessage): void => {
        collect(reply).then(
          (text) =>
            resolve({
              status: reply.statusCode ?? 0,
              headers: reply.headers,
              text,
              retryAfterMs: retryAfterMs(reply.headers['retry-after'], Date.now()),
            }),
          reject,
        );
      };
      const request: ClientRequest = secure
        ? httpsRequest(url, options, onReply)
        : httpRequest(url, options, onReply);
      request.on('socket', (socket) => socket.unref());
      request.on('timeout', () => request.destroy(new Error(`no answer within ${SILENCE_MS / 1000} s`)));
      request.on('error', (error) =>
        reject(request.reusedSocket ? Object.assign(error, { reusedSocket: true }) : error),
      );
      if (isStream(body)) {
        body.stream.on('error', (error) => request.destroy(error));
        body.stream.pipe(request);
      } else request.end(body);
    });
  }
}

/** Milliseconds of a Retry-After header: seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  if (header.trim() !== '' && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function isStream(body: HttpCall['body']): body is { readonly stream: Readable; readonly length: number } {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}

function lengthOf(body: HttpCall['body']): Record<string, string> {
  if (body === undefined) return {};
  if (isStream(body)) return { 'content-length': String(body.length) };
  return { 'content-length': String(typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength) };
}

async function collect(reply: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_REPLY_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isStaleConnection(error: unknown): boolean {
  const { code, reusedSocket } = error as NodeJS.ErrnoException & { reusedSocket?: boolean };
  return reusedSocket === true && (code === 'ECONNRESET' || code === 'EPIPE');
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  ECONNRESET: 'it closed the connection',
  ETIMEDOUT: 'it does not answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name its authority, or allow any certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown authority; name that authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an unknown authority; name that authority',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};

function unavailable(url: URL, error: unknown): SinkUnavailable {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = (code !== undefined && REASONS[code]) || message || String(error);
  return new SinkUnavailable(`${url.host} cannot be reached: ${reason}`, { cause: error });
}
