import type { DeliveryOutcome } from '../event-exporter.ts';
import type { SendResult } from './otlp-sender.ts';

/** What an OTLP answer says about items that were not taken; the field is named after the signal. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

const MAX_DETAIL = 200;
/** What to do about failures whose system message does not say it. */
const HINTS: ReadonlyArray<readonly [RegExp, string]> = [
  [/CERTIFICATE_REQUIRED/, ' (OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY name ours)'],
  [/CERT|UNABLE_TO_VERIFY/, ' (OTEL_EXPORTER_OTLP_CERTIFICATE names the file of its authority)'],
];
const UNAUTHORIZED: ReadonlySet<number> = new Set([401, 403]);
/**
 * Answers after which the very same request may pass later. OTLP/HTTP names 429, 502, 503 and 504; 408 and every
 * other 5xx are outages as well. A 404 or 405 comes from an address without an OTLP receiver (not started yet, a
 * wrong path): the data is not bad, so it is kept.
 */
const isOutage = (status: number): boolean =>
  status >= 500 || status === 408 || status === 429 || status === 404 || status === 405;

/**
 * Reads what became of a request from the true HTTP status.
 *
 * @param partial reads the answer's body; what it throws counts as a plain success (OTLP: an empty body is one).
 */
export function readOutcome(
  result: SendResult,
  url: string,
  partial: (body: Uint8Array) => PartialSuccess | undefined,
): DeliveryOutcome {
  if (!result.answered)
    return {
      ok: false,
      kind: 'unavailable',
      message: `${url} cannot be reached: ${result.error.trim()}${HINTS.find(([pattern]) => pattern.test(result.code ?? ''))?.[1] ?? ''}`,
      ...(result.code !== undefined && { code: result.code }),
    };
  const { status } = result;
  if (status >= 200 && status < 300) {
    const rejection = readPartial(result.body, partial);
    if (!rejection) return { ok: true };
    const { rejected, message } = rejection;
    return {
      ok: false,
      kind: 'refused',
      message: `${url} rejected ${rejected} of the records${message ? `: ${message}` : ''}`,
      status,
      rejected,
    };
  }
  const retry = result.retryAfterMs !== undefined && { retryAfterMs: result.retryAfterMs };
  if (UNAUTHORIZED.has(status))
    return {
      ok: false,
      kind: 'unauthorized',
      message: `${url} answered ${status}: the key in OTEL_EXPORTER_OTLP_HEADERS (or the option "headers") is missing or not accepted`,
      status,
      ...retry,
    };
  if (status >= 300 && status < 400)
    return {
      ok: false,
      kind: 'unavailable',
      message: `${url} redirects elsewhere (${status}); set the endpoint to the final address`,
      status,
    };
  if (isOutage(status))
    return {
      ok: false,
      kind: 'unavailable',
      message:
        status === 404 || status === 405
          ? `${url} answered ${status}: there is no OTLP receiver at this path`
          : `${url} answered ${status}${detail(result.body)}`,
      status,
      ...retry,
    };
  return {
    ok: false,
    kind: 'refused',
    message: `${url} answered ${status}${detail(result.body)}`,
    status,
    ...retry,
  };
}

function readPartial(
  body: Uint8Array,
  partial: (body: Uint8Array) => PartialSuccess | undefined,
): PartialSuccess | undefined {
  if (body.byteLength === 0) return undefined;
  try {
    const rejection = partial(body);
    return rejection && rejection.rejected > 0 ? rejection : undefined;
  } catch {
    return undefined;
  }
}

/** The receiver's own words, when they are text: the start, on one line. */
function detail(body: Buffer): string {
  const text = body
    .toString('utf8', 0, MAX_DETAIL * 4)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, MAX_DETAIL);
  return text === '' ? '' : `: ${text}`;
}
