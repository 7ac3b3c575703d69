import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/**
 * A page of another origin must not send telemetry in its visitor's name. SDKs outside browsers send no Origin; a page
 * of the hub itself sends the host it was loaded from.
 */
export function checkOrigin(req: IncomingMessage, allowed: readonly string[]): void {
  const { origin, host } = req.headers;
  if (origin === undefined || allowed.includes(origin)) return;
  if (host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()) return;
  throw new Refusal('foreignOrigin', 'telemetry from pages of another origin is not accepted');
}

/** `Authorization: Bearer TOKEN`, compared in constant time. */
export function checkToken(req: IncomingMessage, token: string | undefined): void {
  if (token === undefined) return;
  const given = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (given !== undefined && timingSafeEqual(sha256(given), sha256(token))) return;
  throw new Refusal(
    'unauthenticated',
    'this hub asks for its token: set the header "Authorization: Bearer TOKEN" (OTEL_EXPORTER_OTLP_HEADERS)',
    { 'WWW-Authenticate': 'Bearer' },
  );
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
