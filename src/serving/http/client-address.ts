import type { IncomingHttpHeaders } from 'node:http';

/**
 * The client behind proxies, as `Forwarded` (RFC 7239) or `X-Forwarded-For` names it first; undefined without
 * either. It is what the client or a proxy claims, as `client.address` is meant to be.
 */
export function clientAddress(headers: IncomingHttpHeaders): string | undefined {
  const forwardedFor = headers['x-forwarded-for'];
  const { forwarded } = headers;
  if (forwardedFor === undefined && forwarded === undefined) return undefined;
  if (typeof forwarded === 'string') {
    const match = /(?:^|[;,\s])for=("?)(\[[^\]]+\]|[^";,\s:]+)/i.exec(forwarded);
    const address = match?.[2];
    if (address) return address.startsWith('[') ? address.slice(1, -1) : address;
  }
  const list = Array.isArray(forwardedFor) ? forwardedFor[0] : forwardedFor;
  const first = list?.split(',', 1)[0]?.trim();
  return first === '' ? undefined : first;
}
