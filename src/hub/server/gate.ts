import { isIP } from 'node:net';
import { HttpError } from '../api/http-error.ts';

/** What is looked at before anything else of a request. */
export interface Greeting {
  /** Names and values alternating, as they came (`rawHeaders`): a header that came twice is seen. */
  rawHeaders: readonly string[];
  url: string;
}

export interface Gate {
  /** Throws an `HttpError` when the request does not come from somebody who meant this hub. */
  check(greeting: Greeting): void;
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Checks Host and Origin. A web page that a person visits can make their browser send requests to their own
 * machine: by a name that resolves to 127.0.0.1 (DNS rebinding: the Host is foreign), or from its own origin (the
 * Origin is foreign). Neither gets an answer, whatever the path.
 *
 * @param names host names, without port, that are taken beside those of loopback.
 * @param anyAddress takes every IP address as Host: rebinding needs a name.
 */
export function createGate(names: readonly string[], anyAddress: boolean): Gate {
  const allowed = new Set([...LOOPBACK_NAMES, ...names.map((name) => name.toLowerCase())]);
  return {
    check({ rawHeaders, url }) {
      const hosts = valuesOf(rawHeaders, 'host');
      if (hosts.length !== 1)
        throw new HttpError(400, 'bad_host', `Exactly one Host header is needed; ${hosts.length} came.`);
      if (!url.startsWith('/'))
        throw new HttpError(400, 'bad_target', 'The request target must be a path that begins with "/".');
      const host = (hosts[0] as string).toLowerCase();
      const name = hostName(host);
      if (name === undefined || !(allowed.has(name) || (anyAddress && isAddress(name))))
        throw new HttpError(
          403,
          'foreign_host',
          `This hub is not served under the host "${host.slice(0, 80)}". Use 127.0.0.1 or localhost, or add the name to the option allowedHosts (monitoring.yaml: hub.allowed_hosts).`,
        );
      const origins = valuesOf(rawHeaders, 'origin');
      if (!origins.every((origin) => isOwn(origin, host)) || isFetchOfAnotherPage(rawHeaders))
        throw new HttpError(
          403,
          'foreign_origin',
          'Requests from pages of another origin are not taken; the page of the hub itself may ask.',
        );
    },
  };
}

/** A Host header's name without its port, brackets kept; `undefined` when it is none. */
function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^\s:/@[\]]+)(?::\d{1,5})?$/.exec(host)?.[1];
}

function isAddress(name: string): boolean {
  return isIP(name.startsWith('[') ? name.slice(1, -1) : name) !== 0;
}

/** Is the origin the one that the request's Host names? The scheme may differ: a proxy may end TLS. */
function isOwn(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: from } = new URL(origin);
  if (protocol !== 'http:' && protocol !== 'https:') return false;
  // `URL` leaves a scheme's default port out.
  return from === host || `${from}:${protocol === 'https:' ? 443 : 80}` === host;
}

/**
 * True for what a page of another origin has the browser load without an Origin header (images, scripts): it could
 * not read the answer, but it could keep the hub busy. Following a link to the hub is not that. Source: W3C Fetch
 * Metadata Request Headers.
 */
function isFetchOfAnotherPage(rawHeaders: readonly string[]): boolean {
  const [site] = valuesOf(rawHeaders, 'sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  return valuesOf(rawHeaders, 'sec-fetch-mode')[0] !== 'navigate';
}

function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if ((rawHeaders[i] as string).toLowerCase() === name) values.push(rawHeaders[i + 1] as string);
  return values;
}

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
