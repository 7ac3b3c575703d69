import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Handler } from './handler.ts';

/** Time in which the headers of a request must have come, ms. */
const HEADERS_TIMEOUT = 10_000;
/** Time in which a whole request must have come, ms. Answers, and event streams with them, may take longer. */
const REQUEST_TIMEOUT = 30_000;

/** Time in which nothing moves on a connection (a client that does not read its answer), ms. Event streams beat. */
const IDLE_TIMEOUT = 120_000;
/** Connections at a time; more are closed at once. */
const MOST_CONNECTIONS = 1000;

/** A port that could not be listened on. `code` is the system's, such as EADDRINUSE. */
export class ListenError extends Error {
  readonly code: string;
  constructor(message: string, code: string, cause: unknown) {
    super(message, { cause });
    this.name = 'ListenError';
    this.code = code;
  }
}

export interface Listener {
  /** `http://host:port`, with brackets around an IPv6 address. */
  url: string;
  port: number;
  /** Takes no new connection, lets requests under way finish, and cuts what is left after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/**
 * @param option what a person changes to choose another port, for the error.
 * @param port 0 = any free one.
 */
export async function listen(
  host: string,
  port: number,
  option: string,
  handler: Handler,
): Promise<Listener> {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      connectionsCheckingInterval: 5000,
      keepAliveTimeout: 75_000,
      // A missing Host gets an answer that says so (`createGate`).
      requireHostHeader: false,
    },
    handler,
  );
  server.timeout = IDLE_TIMEOUT;
  server.maxConnections = MOST_CONNECTIONS;
  // Nagle's algorithm would hold back small events.
  server.on('connection', (socket) => socket.setNoDelay(true));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explained(error, host, port, option)));
    server.listen(port, host, resolve);
  });
  server.on('error', () => {});
  const address = server.address() as AddressInfo;
  return {
    url: `http://${shownHost(host)}:${address.port}`,
    port: address.port,
    stop: (graceMs) => stop(server, graceMs),
  };
}

/** An address that stands for all addresses cannot be opened in a browser; loopback is one of them. */
function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function explained(error: NodeJS.ErrnoException, host: string, port: number, option: string): ListenError {
  const code = error.code ?? 'unknown';
  const where = `${host}:${port}`;
  const what: Record<string, string> = {
    EADDRINUSE: `${where} is in use by another program, perhaps another hub. Stop it, or choose another port with ${option}.`,
    EACCES: `This user may not listen on ${where}. Choose a port above 1023 with ${option}.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine. Choose another with the option host.`,
    ENOTFOUND: `The host name ${host} is not known. Choose another with the option host.`,
  };
  return new ListenError(what[code] ?? `Cannot listen on ${where}: ${error.message}`, code, error);
}

async function stop(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}
