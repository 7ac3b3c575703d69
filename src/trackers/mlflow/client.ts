import { HttpClient, type HttpCall, type HttpReply } from '../http/client.ts';
import { SinkRefused, SinkUnauthorized, SinkUnavailable } from '../sink-errors.ts';
import type { MlflowSettings } from './config.ts';

/** The server's own error: `{"error_code", "message"}`. */
export class MlflowRefused extends SinkRefused {
  readonly status: number;
  readonly errorCode: string;

  constructor(status: number, errorCode: string, message: string) {
    super(message);
    this.name = 'MlflowRefused';
    this.status = status;
    this.errorCode = errorCode;
  }
}

const API = '/api/2.0/mlflow/';
const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts/';
/** Statuses that pass by themselves. 500 too: the calls that are repeated are idempotent. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const REBINDING = /Invalid Host header/i;

/** MLflow's REST API (mlflow/protos/service.proto), one method a call. JSON in, JSON out; errors are a sink's. */
export class MlflowClient {
  readonly #settings: MlflowSettings;
  readonly #http: HttpClient;

  constructor(settings: MlflowSettings, http = new HttpClient(settings.tls)) {
    this.#settings = settings;
    this.#http = http;
  }

  /** `GET /api/2.0/mlflow/<path>`. */
  get(path: string, query: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<unknown> {
    return this.#json({ method: 'GET', url: this.#url(API + path, query), signal });
  }

  /** `POST`. `once`: not idempotent, never repeated by itself. */
  post(
    path: string,
    body: object | string,
    signal?: AbortSignal,
    options: { once?: boolean; method?: 'POST' | 'PATCH' } = {},
  ): Promise<unknown> {
    return this.#json({
      method: options.method ?? 'POST',
      url: this.#url(API + path),
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      signal,
      ...(options.once ? { once: true } : {}),
    });
  }

  /** Writes a file through the artifact proxy; `path` is below the server's artifact root. Overwrites. */
  async putArtifact(path: string, body: NonNullable<HttpCall['body']>, signal?: AbortSignal): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    await this.#json({
      method: 'PUT',
      url: this.#url(ARTIFACTS + encoded),
      headers: { 'content-type': 'application/octet-stream' },
      body,
      signal,
    });
  }

  /** Anything outside of the API: `/version`, `/health`. */
  raw(path: string, signal?: AbortSignal): Promise<HttpReply> {
    return this.#call({ method: 'GET', url: this.#url(path), signal });
  }

  close(): void {
    this.#http.close();
  }

  #url(path: string, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(this.#settings.base + path);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  }

  #call(call: HttpCall): Promise<HttpReply> {
    return this.#http.call({ ...call, headers: { ...this.#settings.headers, ...call.headers } });
  }

  async #json(call: HttpCall): Promise<unknown> {
    const reply = await this.#call(call);
    if (reply.status < 200 || reply.status > 299) throw replyError(call, reply);
    if (reply.text === '') return {};
    try {
      return JSON.parse(reply.text) as unknown;
    } catch {
      throw new SinkUnavailable(
        `${call.url.host} answered ${call.url.pathname} with something that is no JSON: is it an MLflow server? Check tracking_uri`,
      );
    }
  }
}

/** What an answer other than success means, and what to do about it. */
export function replyError(call: Pick<HttpCall, 'method' | 'url'>, reply: HttpReply): Error {
  const { status, text } = reply;
  const where = `${call.method} ${call.url.pathname}`;
  if (REBINDING.test(text)) return new SinkUnauthorized(hostAdvice(call.url));
  const { error_code: errorCode, message } = errorBody(text);
  const said = message ?? brief(text);
  if (PASSING.has(status))
    return new SinkUnavailable(`MLflow answered ${where} with ${status}${said === '' ? '' : ` (${said})`}`, {
      retryAfterMs: reply.retryAfterMs,
      failedOnRequest: status === 500,
    });
  if (status === 401)
    return new SinkUnauthorized(
      'MLflow wants a user and a password (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD) or a token (MLFLOW_TRACKING_TOKEN), or those given are wrong',
    );
  if (status === 403)
    return new SinkUnauthorized(`MLflow does not let this user do that (${said || 'permission denied'})`);
  if (status >= 300 && status < 400)
    return new SinkUnavailable(
      `MLflow's address answers with a redirection (${status}) to ${reply.headers.location ?? 'nowhere'}; give the final address as tracking_uri`,
    );
  if (errorCode === undefined && (status === 404 || status === 405))
    return new SinkUnavailable(
      `There is no MLflow API at ${call.url.origin}${call.url.pathname} (${status}): check tracking_uri; a server behind --static-prefix needs the prefix in it`,
    );
  return new MlflowRefused(status, errorCode ?? String(status), said || `status ${status}`);
}

/** The server's protection against DNS rebinding (3.5 or newer) refuses names that it was not told. */
export function hostAdvice(url: URL): string {
  return `MLflow refuses the host name ${url.host} (its protection against DNS rebinding). Start it with --allowed-hosts "${url.hostname}:*,localhost:*,127.0.0.1:*" (or MLFLOW_SERVER_ALLOWED_HOSTS)`;
}

function errorBody(text: string): { error_code?: string; message?: string } {
  try {
    const parsed = JSON.parse(text) as { error_code?: unknown; message?: unknown } | null;
    return {
      ...(typeof parsed?.error_code === 'string' ? { error_code: parsed.error_code } : {}),
      ...(typeof parsed?.message === 'string' ? { message: brief(parsed.message) } : {}),
    };
  } catch {
    return {};
  }
}

/** The beginning of a text, tags of a page left out. */
function brief(text: string): string {
  const plain = text
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return plain.length > 300 ? `${plain.slice(0, 300)} ...` : plain.replace(/\.+$/, '');
}
