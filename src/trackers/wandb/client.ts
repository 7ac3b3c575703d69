import { HttpClient, type HttpCall, type HttpReply } from '../http/client.ts';
import { SinkRefused, SinkUnauthorized, SinkUnavailable } from '../sink-errors.ts';
import type { WandbSettings } from './config.ts';
import { CREATE_RUN_FILES } from './graphql.ts';

/** Where a run is, by W&B's own names. */
export interface RunPath {
  readonly entity: string;
  readonly project: string;
  readonly run: string;
}

/** A post to a run's file stream (core/internal/filestream of wandb). Lines are ready text. */
export interface StreamPost {
  readonly files: Readonly<Record<string, { readonly offset: number; readonly content: readonly string[] }>>;
  readonly uploaded?: readonly string[];
  /** Present: the run has ended. */
  readonly exitCode?: number;
}

/** An address for one upload, with the headers (`Name:value`) that belong to it. */
export interface UploadTarget {
  readonly uploadUrl: string;
  readonly uploadHeaders: readonly string[];
}
/** A stream is opened when it is sent. */
type UploadBody = NonNullable<HttpCall['body']> | (() => NonNullable<HttpCall['body']>);

/** What W&B's own client never tries again, and we take as "never" too. 404 and 410 mean that the run is gone. */
const REFUSED: ReadonlySet<number> = new Set([400, 405, 411, 413, 415, 422, 501]);

/** W&B's API, one method a call. Errors are a sink's. */
export class WandbClient {
  readonly #settings: WandbSettings;
  readonly #http: HttpClient;

  constructor(settings: WandbSettings, http = new HttpClient()) {
    this.#settings = settings;
    this.#http = http;
  }

  close(): void {
    this.#http.close();
  }

  /** The `data` of an operation. `once`: not idempotent, never made twice by itself. */
  async graphql(
    operationName: string,
    query: string,
    variables: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
    options: { once?: boolean } = {},
  ): Promise<unknown> {
    const call = this.#json('/graphql', JSON.stringify({ operationName, query, variables }), signal);
    const reply = await this.#http.call({ ...call, ...options });
    if (reply.status < 200 || reply.status > 299) throw replyError(reply, operationName);
    const { data, errors } = parsed(reply, operationName) as {
      data?: unknown;
      errors?: { message?: unknown }[];
    };
    const complaint = errors?.[0]?.message;
    if (complaint !== undefined || data === undefined || data === null)
      throw graphqlError(operationName, complaint);
    return data;
  }

  /** True when W&B asks for the run to stop. */
  async stream(path: RunPath, post: StreamPost, signal?: AbortSignal): Promise<boolean> {
    const { files, uploaded, exitCode } = post;
    const body = JSON.stringify({
      ...(Object.keys(files).length > 0 ? { files } : {}),
      ...(uploaded && uploaded.length > 0 ? { uploaded } : {}),
      ...(exitCode === undefined ? {} : { complete: true, exitcode: exitCode }),
    });
    const place = [path.entity, path.project, path.run].map(encodeURIComponent).join('/');
    const reply = await this.#http.call(this.#json(`/files/${place}/file_stream`, body, signal));
    if (reply.status < 200 || reply.status > 299) throw replyError(reply, 'file_stream');
    return (parsed(reply, 'file_stream') as { stopped?: unknown }).stopped === true;
  }

  /** Uploads one file of the run. `name` is its path below the run's files. */
  async upload(path: RunPath, name: string, body: UploadBody, signal?: AbortSignal): Promise<void> {
    const data = (await this.graphql(
      'CreateRunFiles',
      CREATE_RUN_FILES,
      { ...path, files: [name] },
      signal,
    )) as {
      createRunFiles: { uploadHeaders: readonly string[]; files: { name: string; uploadUrl: string }[] };
    };
    const { uploadHeaders, files } = data.createRunFiles;
    const uploadUrl = files[0]?.uploadUrl;
    if (uploadUrl === undefined) throw new SinkUnavailable(`W&B gave no address for the file ${name}`);
    await this.put({ uploadUrl, uploadHeaders }, body, name, signal);
  }

  /** Writes to an address that W&B gave. `name` is for messages. */
  async put(target: UploadTarget, body: UploadBody, name: string, signal?: AbortSignal): Promise<void> {
    const reply = await this.#http.call({
      method: 'PUT',
      // some servers give an address without a host
      url: new URL(target.uploadUrl, this.#settings.baseUrl),
      headers: {
        'content-type': 'application/octet-stream',
        ...Object.fromEntries(
          target.uploadHeaders.map((header) => [
            header.slice(0, header.indexOf(':')).toLowerCase(),
            header.slice(header.indexOf(':') + 1).trim(),
          ]),
        ),
      },
      body: typeof body === 'function' ? body() : body,
      signal,
    });
    if (reply.status < 200 || reply.status > 299) throw replyError(reply, `upload of ${name}`);
  }

  #json(path: string, body: string, signal: AbortSignal | undefined): HttpCall {
    const key = this.#settings.apiKey();
    if (key === undefined)
      throw new SinkUnauthorized(
        `W&B needs an API key: set WANDB_API_KEY (${this.#settings.appUrl}/authorize shows it), or use mode offline and \`wandb sync\` later`,
      );
    return {
      method: 'POST',
      url: new URL(this.#settings.baseUrl + path),
      headers: {
        ...this.#settings.headers,
        authorization: `Basic ${Buffer.from(`api:${key}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      body,
      signal,
    };
  }
}

function parsed(reply: HttpReply, what: string): object {
  try {
    const value = JSON.parse(reply.text === '' ? '{}' : reply.text) as unknown;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // told below
  }
  throw new SinkUnavailable(
    `W&B answered ${what} with something that is no JSON: is the base URL (WANDB_BASE_URL) right?`,
  );
}

/** What an answer other than success means. */
export function replyError(reply: HttpReply, what: string): Error {
  const { status } = reply;
  const said = complaintOf(reply.text);
  const where = `W&B answered ${what} with ${status}${said === '' ? '' : ` (${said})`}`;
  if (status === 401)
    return new SinkUnauthorized(`W&B does not know this API key (WANDB_API_KEY): ${said || status}`);
  if (status === 403)
    return new SinkUnauthorized(`${where}: this key may not write there; check entity and project`);
  if (status === 404 || status === 410)
    return new SinkUnauthorized(`${where}: the run, its project or its entity is not there (any more)`);
  if (REFUSED.has(status)) return new SinkRefused(where);
  return new SinkUnavailable(where, { retryAfterMs: reply.retryAfterMs ?? rateLimitMs(reply) });
}

/** W&B's own headers: seconds until a spent rate limit is full again. */
function rateLimitMs({ status, headers }: HttpReply): number | undefined {
  const reset = Number(headers['ratelimit-reset']);
  return status === 429 && Number.isFinite(reset) && reset > 0 ? reset * 1000 : undefined;
}

function graphqlError(operation: string, complaint: unknown): Error {
  const said = typeof complaint === 'string' ? complaint : 'no data';
  const message = `W&B refused ${operation}: ${said.slice(0, 300)}`;
  if (/permission|not logged in|unauthorized|forbidden|not found/i.test(said))
    return new SinkUnauthorized(message);
  if (/timeout|temporar|unavailable|internal|deadlock/i.test(said)) return new SinkUnavailable(message);
  return new SinkRefused(message);
}

function complaintOf(text: string): string {
  let said = text;
  try {
    const value = JSON.parse(text) as {
      error?: unknown;
      message?: unknown;
      errors?: { message?: unknown }[];
    } | null;
    const found = value?.error ?? value?.message ?? value?.errors?.[0]?.message;
    if (typeof found === 'string') said = found;
  } catch {
    // as it is
  }
  const plain = said
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return plain === '{}' ? '' : plain.slice(0, 300);
}
