import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { EnvironmentReader } from './environment-reader.ts';
import type { Signal } from '../signal.ts';

export const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Where and how the OTLP requests of one signal go. */
export interface OtlpTarget {
  readonly signal: Signal;
  /** Full URL without credentials: they are in `headers`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest time for one request, answer included. */
  readonly timeoutMs: number;
  readonly compression: 'gzip' | 'none';
  readonly protocol: Protocol;
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

export interface TargetOptions {
  /** Base URL, set in code. */
  endpoint?: string;
  /** Set in code; they win over those of the environment. */
  headers?: Readonly<Record<string, string>>;
  timeoutMs?: number;
}

/** 127.0.0.1 rather than localhost, which may resolve to ::1 where nobody listens. */
export const DEFAULT_ENDPOINT = 'http://127.0.0.1:4318';
/** OTLP exporter specification: 10 s. */
export const DEFAULT_TIMEOUT_MS = 10_000;
const OTLP = 'OTEL_EXPORTER_OTLP_';
const GRPC_PORT = '4317';

/** Variables of one signal, the specific one first. */
const names = (signal: Signal, what: string): readonly string[] => [
  `${OTLP}${signal.toUpperCase()}_${what}`,
  `${OTLP}${what}`,
];

/**
 * Finds the target of a signal. A base URL (option, or OTEL_EXPORTER_OTLP_ENDPOINT) gets `/v1/{signal}` appended;
 * OTEL_EXPORTER_OTLP_{SIGNAL}_ENDPOINT is used as it stands (OTLP exporter specification).
 */
export function resolveTarget(
  signal: Signal,
  environment: EnvironmentReader,
  options: TargetOptions = {},
): OtlpTarget {
  const url = resolveUrl(signal, environment, options.endpoint);
  const headers: Record<string, string> = {};
  if (url.username !== '' || url.password !== '') {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  if (mayUseEnvironmentHeaders(signal, environment, options.endpoint, url))
    for (const name of names(signal, 'HEADERS').toReversed())
      Object.assign(headers, parseHeaders(name, environment));
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = value;
  const compression = environment.choice(
    names(signal, 'COMPRESSION'),
    ['gzip', 'none'],
    // It costs more than it saves where the bytes do not leave the machine.
    isLoopback(url.hostname) ? 'none' : 'gzip',
  );
  return {
    signal,
    url: url.toString(),
    headers,
    timeoutMs: options.timeoutMs ?? environment.milliseconds(names(signal, 'TIMEOUT'), DEFAULT_TIMEOUT_MS),
    compression,
    protocol: resolveProtocol(signal, environment, url),
    tls: url.protocol === 'https:' ? readTls(signal, environment) : {},
  };
}

/** The base URL for messages: without credentials, query and signal path. */
export function baseUrl(target: OtlpTarget): string {
  const url = new URL(target.url);
  const path = url.pathname.replace(/\/v1\/[a-z]+\/?$/, '').replace(/\/$/, '');
  return `${url.origin}${path}`;
}

export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function resolveUrl(signal: Signal, environment: EnvironmentReader, endpoint: string | undefined): URL {
  const path = `v1/${signal}`;
  const base = (text: string): string => (text.endsWith('/') ? text : `${text}/`) + path;
  const fallback = new URL(base(DEFAULT_ENDPOINT));
  if (endpoint !== undefined && endpoint !== '')
    return parseUrl(base(endpoint), 'the option "endpoint"', environment, DEFAULT_ENDPOINT) ?? fallback;
  const [specific, general] = names(signal, 'ENDPOINT') as [string, string];
  const own = environment.text(specific);
  const ownUrl = own === undefined ? undefined : parseUrl(own, specific, environment);
  if (ownUrl) return ownUrl;
  const shared = environment.text(general);
  return (
    (shared === undefined ? undefined : parseUrl(base(shared), general, environment, DEFAULT_ENDPOINT)) ??
    fallback
  );
}

/** @param instead what is used when the text is no URL; by default another variable or the default */
function parseUrl(
  text: string,
  source: string,
  environment: EnvironmentReader,
  instead?: string,
): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  environment.warn(
    `${source} is not a URL that starts with http:// or https://${meant(text)}; ${instead === undefined ? 'it is left out' : `${instead} is used`}`,
  );
  return undefined;
}

/** For an address without its scheme. No more of the value is shown than host and port: it may hold a password. */
function meant(text: string): string {
  const guess = `http://${text}`;
  return !text.includes('://') && URL.canParse(guess)
    ? ` (did you mean ${new URL(guess).origin}?)`
    : `, such as ${DEFAULT_ENDPOINT}`;
}

/**
 * Headers of the environment often hold a key for the receiver that the environment names. When code names another
 * receiver, that key is not for it.
 */
function mayUseEnvironmentHeaders(
  signal: Signal,
  environment: EnvironmentReader,
  endpoint: string | undefined,
  url: URL,
): boolean {
  if (endpoint === undefined) return true;
  const meant = environment.firstOf(names(signal, 'ENDPOINT'))?.value;
  return meant === undefined || (URL.canParse(meant) && new URL(meant).origin === url.origin);
}

/** `key=value,key2=value2`, values percent-encoded (W3C baggage octets, OTLP exporter specification). */
function parseHeaders(name: string, environment: EnvironmentReader): Record<string, string> {
  const headers: Record<string, string> = {};
  let bad = 0;
  for (const pair of environment.list(name) ?? []) {
    const at = pair.indexOf('=');
    const key = pair.slice(0, at).trim().toLowerCase();
    const value = decode(pair.slice(at + 1).trim());
    if (at > 0 && value !== undefined && /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(key)) headers[key] = value;
    else bad++;
  }
  if (bad > 0)
    environment.warn(
      `${name} holds ${bad === 1 ? 'an entry' : `${bad} entries`} that ${bad === 1 ? 'is' : 'are'} not key=value (not shown here); left out`,
    );
  return headers;
}

function decode(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text);
    // Line breaks and other controls cannot stand in a header.
    return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function resolveProtocol(signal: Signal, environment: EnvironmentReader, url: URL): Protocol {
  const found = environment.firstOf(names(signal, 'PROTOCOL'));
  if (found?.value.toLowerCase() === 'grpc') {
    environment.warn(
      `${found.name}=grpc: llm-otel speaks OTLP over HTTP; http/protobuf is used. Receivers listen for it on port 4318 as a rule, for gRPC on ${GRPC_PORT}.`,
    );
    return 'http/protobuf';
  }
  if (url.port === GRPC_PORT)
    environment.warn(
      `${url.origin} has the port that receivers use for gRPC; llm-otel speaks OTLP over HTTP, for which 4318 is usual`,
    );
  return environment.choice(names(signal, 'PROTOCOL'), PROTOCOLS, 'http/protobuf');
}

function readTls(signal: Signal, environment: EnvironmentReader): OtlpTarget['tls'] {
  const read = (what: string, meaning: string): Buffer | undefined => {
    const found = environment.firstOf(names(signal, what));
    if (!found) return undefined;
    try {
      return readFileSync(found.value);
    } catch (error) {
      environment.warn(
        `${found.name}: the ${meaning} ${found.value} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}); it is left out`,
      );
      return undefined;
    }
  };
  const ca = read('CERTIFICATE', 'certificate of the authority');
  const cert = read('CLIENT_CERTIFICATE', 'client certificate');
  const key = read('CLIENT_KEY', 'key of the client certificate');
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
