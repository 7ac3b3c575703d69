import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  decodeRequest,
  encodeExportResponse,
  encodeStatus,
  OtlpDecodeError,
  type OtlpContentType,
  type OtlpRequest,
  type PartialSuccess,
  type Signal,
} from '../../otlp/index.ts';
import type { Store } from '../store/store.ts';
import { checkOrigin, checkToken } from './access.ts';
import { discardRest, readBody } from './body.ts';
import { InFlight } from './in-flight.ts';
import { DEFAULT_LIMITS, type ReceiverLimits } from './limits.ts';
import { type ReceiverStats, StatsCounter } from './receiver-stats.ts';
import { HangUp, REFUSAL, Refusal } from './refusal.ts';

export interface ReceiverOptions {
  /**
   * Where requests go. A 200 is answered when `append` resolves. An error of `append` with a true property
   * `retryable` is answered with 503 and Retry-After, any other with 500.
   */
  store: Pick<Store, 'append'>;
  limits?: Partial<ReceiverLimits>;
  /** Asked of every request as `Authorization: Bearer TOKEN`; default: none. */
  token?: string | undefined;
  /** Origins of pages that may send, beside the hub's own; default: none. */
  allowedOrigins?: readonly string[];
  log?: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** Handles a request and gives true, or false (nothing touched) when the path is not one of OTLP's. */
export interface OtlpReceiver {
  (req: IncomingMessage, res: ServerResponse): boolean;
  stats(): ReceiverStats;
}

/** Paths of OTLP/HTTP (opentelemetry-proto 1.11, docs/specification.md). */
const SIGNALS: ReadonlyMap<string, Signal> = new Map([
  ['/v1/metrics', 'metrics'],
  ['/v1/traces', 'traces'],
  ['/v1/logs', 'logs'],
]);
const CONTENT_TYPES: readonly OtlpContentType[] = ['application/x-protobuf', 'application/json'];

/**
 * Receives OTLP/HTTP 1.11 for all three signals: protobuf and JSON, plain, gzip, deflate and zstd. The Host allow-list
 * is the server's to check.
 *
 * @example
 * const receive = createOtlpReceiver({ store });
 * http.createServer((req, res) => receive(req, res) || res.writeHead(404).end());
 */
export function createOtlpReceiver(options: ReceiverOptions): OtlpReceiver {
  const { store, token, allowedOrigins = [], log = () => {} } = options;
  const given = Object.entries(options.limits ?? {}).filter(([, value]) => value !== undefined);
  const limits: ReceiverLimits = { ...DEFAULT_LIMITS, ...Object.fromEntries(given) };
  const inFlight = new InFlight(limits.inFlightBytes);
  const counter = new StatsCounter();

  async function receive(req: IncomingMessage, signal: Signal, type: OtlpContentType): Promise<Uint8Array> {
    const lease = inFlight.lease();
    try {
      const { bytes, wireBytes } = await readBody(req, limits, lease);
      counter.body(wireBytes, bytes.length);
      const request = decodeRequest(signal, type, bytes);
      const partial = await append(request, type, bytes);
      counter.stored(request, partial.rejected);
      return encodeExportResponse(signal, type, partial);
    } finally {
      lease.release();
    }
  }

  async function append(
    request: OtlpRequest,
    contentType: OtlpContentType,
    bytes: Uint8Array,
  ): Promise<PartialSuccess> {
    try {
      return await store.append(request, { contentType, bytes });
    } catch (error) {
      if (error instanceof OtlpDecodeError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      if (isRetryable(error)) {
        log('warn', `could not store a ${request.signal} request now: ${reason}`);
        throw new Refusal('overloaded', 'the hub cannot store this now; send it again later', {
          'Retry-After': String(limits.retryAfterSeconds),
        });
      }
      log('error', `could not store a ${request.signal} request: ${reason}`);
      throw new Refusal('internal', 'the hub could not store this request; its log says why');
    }
  }

  async function handle(req: IncomingMessage, res: ServerResponse, signal: Signal): Promise<void> {
    let type: OtlpContentType | undefined;
    try {
      type = contentTypeOf(req);
      checkMethod(req);
      checkOrigin(req, allowedOrigins);
      checkToken(req, token);
      const known = requireContentType(type);
      const body = await receive(req, signal, known);
      counter.outcome(signal, 200);
      answer(res, 200, known, body);
    } catch (error) {
      if (error instanceof HangUp) {
        counter.outcome(signal, 'aborted');
        return;
      }
      const refusal = refusalOf(error, log);
      const { status, code } = REFUSAL[refusal.reason];
      counter.outcome(signal, status);
      // Without a content type that OTLP knows there is no form for a Status: plain text.
      const body =
        type === undefined ? Buffer.from(`${refusal.message}\n`) : encodeStatus(type, code, refusal.message);
      answer(res, status, type ?? 'text/plain; charset=utf-8', body, refusal.headers);
      discardRest(req, limits);
    }
  }

  const receiver = (req: IncomingMessage, res: ServerResponse): boolean => {
    const url = req.url ?? '';
    const query = url.indexOf('?');
    const signal = SIGNALS.get(query < 0 ? url : url.slice(0, query));
    if (signal === undefined) return false;
    void handle(req, res, signal);
    return true;
  };
  return Object.assign(receiver, { stats: () => counter.read(inFlight.held) });
}

function checkMethod(req: IncomingMessage): void {
  if (req.method === 'POST') return;
  throw new Refusal('method', `send OTLP with POST, not ${req.method ?? 'nothing'}`, { Allow: 'POST' });
}

/** The media type, when it is one of OTLP's; parameters such as charset do not matter. */
function contentTypeOf(req: IncomingMessage): OtlpContentType | undefined {
  const media = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  return CONTENT_TYPES.find((type) => type === media);
}

function requireContentType(type: OtlpContentType | undefined): OtlpContentType {
  if (type !== undefined) return type;
  throw new Refusal('contentType', `the Content-Type must be ${CONTENT_TYPES.join(' or ')}`);
}

function refusalOf(error: unknown, log: NonNullable<ReceiverOptions['log']>): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof OtlpDecodeError) return new Refusal('badData', error.message);
  log(
    'error',
    `receiving failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return new Refusal('internal', 'the hub failed on this request; its log says why');
}

function isRetryable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { retryable?: unknown }).retryable === true;
}

function answer(
  res: ServerResponse,
  status: number,
  contentType: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): void {
  res.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': body.length,
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  res.end(body);
}
