import { createReadStream } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { HttpClient, type HttpCall, type HttpReply } from '../http/client.ts';
import { SinkRefused, SinkUnauthorized, SinkUnavailable } from '../sink-errors.ts';
import type { CometSettings } from './config.ts';

/** The paths that Comet's own client uses (comet_ml 3.58), and its documented REST API. */
export const PATHS = {
  addRun: '/clientlib/logger/add/run',
  getRun: '/clientlib/logger/get/run',
  metrics: '/clientlib/batch/logger/experiment/metric',
  parameters: '/clientlib/batch/logger/experiment/parameter',
  status: '/clientlib/status-report/update',
  tags: '/clientlib/tags/add-tags-to-experiment',
  other: '/api/rest/v2/write/experiment/log-other',
  output: '/api/rest/v2/write/experiment/output',
  graph: '/api/rest/v2/write/experiment/graph',
  fileName: '/api/rest/v2/write/experiment/file-path',
  systemDetails: '/api/rest/v2/write/experiment/system-details',
  git: '/api/rest/v2/write/experiment/git/metadata',
  times: '/api/rest/v2/write/experiment/set-start-end-time',
  failure: '/api/rest/v2/write/experiment/update-status',
  asset: '/api/rest/v2/write/experiment/upload-asset',
} as const;

/** Never taken: tried again would change nothing. */
const REFUSED: ReadonlySet<number> = new Set([400, 405, 411, 413, 415, 422, 501]);
/** Bodies from here on are worth packing, bytes. */
const GZIP_FROM = 1024;

/** Comet's API, one method a call. Errors are a sink's. */
export class CometClient {
  readonly #settings: CometSettings;
  readonly #http: HttpClient;

  constructor(settings: CometSettings, http = new HttpClient()) {
    this.#settings = settings;
    this.#http = http;
  }

  close(): void {
    this.#http.close();
  }

  /** `once`: not idempotent, never made twice by itself. */
  async post(
    path: string,
    body: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
    options: { once?: boolean } = {},
  ): Promise<Record<string, unknown>> {
    const text = Buffer.from(JSON.stringify(body));
    const packed = text.length >= GZIP_FROM;
    return this.#send(path, {
      method: 'POST',
      url: new URL(this.#settings.baseUrl + path),
      headers: {
        authorization: this.key(),
        'content-type': 'application/json;charset=utf-8',
        ...(packed ? { 'content-encoding': 'gzip' } : {}),
      },
      body: packed ? gzipSync(text, { level: 1 }) : text,
      signal,
      ...options,
    });
  }

  /** Reads; undefined for what is not there (400, 404). */
  async get(
    path: string,
    query: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown> | undefined> {
    const url = new URL(this.#settings.baseUrl + path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const reply = await this.#http.call({
      method: 'GET',
      url,
      headers: { authorization: this.key() },
      signal,
    });
    if (reply.status === 400 || reply.status === 404) return undefined;
    return readReply(reply, path);
  }

  /**
   * Uploads a file, or bytes. The experiment has one of a name: the older is overwritten. With a step, it has one of
   * each step.
   */
  async upload(
    experimentKey: string,
    asset: {
      readonly fileName: string;
      readonly type: string;
      readonly groupingName?: string;
      readonly metadata?: string;
      readonly step?: number;
      readonly epoch?: number | undefined;
    },
    content: { readonly path: string; readonly size: number } | Uint8Array,
    signal?: AbortSignal,
  ): Promise<void> {
    const url = new URL(this.#settings.baseUrl + PATHS.asset);
    const query = { experimentKey, overwrite: asset.step === undefined, ...asset };
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const extension = /\.([\w-]{1,12})$/.exec(asset.fileName)?.[1];
    if (extension !== undefined) url.searchParams.set('extension', extension);
    const boundary = `llm-otel-${randomUUID()}`;
    const name = asset.fileName.replaceAll(/["\r\n]/g, '_');
    const head = Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
    );
    const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
    const body: NonNullable<HttpCall['body']> =
      content instanceof Uint8Array
        ? Buffer.concat([head, content, tail])
        : {
            stream: Readable.from(parts(head, content.path, tail)),
            length: head.length + content.size + tail.length,
          };
    await this.#send(PATHS.asset, {
      method: 'POST',
      url,
      headers: { authorization: this.key(), 'content-type': `multipart/form-data; boundary=${boundary}` },
      body,
      signal,
      once: asset.step !== undefined,
    });
  }

  /** @throws SinkUnauthorized when there is none. */
  key(): string {
    const key = this.#settings.apiKey();
    if (key === undefined)
      throw new SinkUnauthorized(
        `Comet needs an API key: set COMET_API_KEY (${this.#settings.baseUrl}/account-settings/apiKeys shows it), or use mode offline and \`comet upload\` later`,
      );
    return key;
  }

  async #send(path: string, call: HttpCall): Promise<Record<string, unknown>> {
    return readReply(await this.#http.call(call), path);
  }
}

function readReply(reply: HttpReply, path: string): Record<string, unknown> {
  if (reply.status < 200 || reply.status > 299) throw replyError(reply, path);
  if (reply.text === '') return {};
  try {
    const value = JSON.parse(reply.text) as unknown;
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // told below
  }
  throw new SinkUnavailable(
    `Comet answered ${path} with something that is no JSON: is the base URL (COMET_URL_OVERRIDE) right?`,
  );
}

async function* parts(head: Buffer, path: string, tail: Buffer): AsyncGenerator<Buffer> {
  yield head;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) yield chunk;
  yield tail;
}

/** What an answer other than success means. */
export function replyError(reply: HttpReply, path: string): Error {
  const { status } = reply;
  const said = complaintOf(reply.text);
  const where = `Comet answered ${path} with ${status}${said === '' ? '' : ` (${said})`}`;
  if (status === 401)
    return new SinkUnauthorized(`Comet does not know this API key (COMET_API_KEY): ${said || status}`);
  if (status === 402) return new SinkUnauthorized(`${where}: Comet wants a plan that is paid for`);
  if (status === 403 || status === 404 || status === 410)
    return new SinkUnauthorized(
      `${where}: check workspace, project and whether the experiment is still there`,
    );
  if (REFUSED.has(status))
    return /api key/i.test(said) ? new SinkUnauthorized(where) : new SinkRefused(where);
  return new SinkUnavailable(where, { retryAfterMs: reply.retryAfterMs ?? customRetryMs(reply) });
}

/** Comet's own header beside the standard one, seconds. */
function customRetryMs({ headers }: HttpReply): number | undefined {
  const seconds = Number(headers['retry-after-custom']);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}

function complaintOf(text: string): string {
  let said = text;
  try {
    const value = JSON.parse(text) as { msg?: unknown; message?: unknown } | null;
    const found = value?.msg ?? value?.message;
    said = typeof found === 'string' ? found : '';
  } catch {
    // as it is
  }
  return said
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}
