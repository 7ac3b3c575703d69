import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface FlakyProxy {
  readonly url: string;
  /** Requests that were passed on, and those that were failed. */
  readonly counts: { passed: number; failedBefore: number; failedAfter: number };
  close(): Promise<void>;
}

/**
 * Passes requests on to an MLflow server, but answers 500 or 503 at random: instead of passing on, or although the
 * server has done what was asked. `onPassed` is told the number of each request that was passed on.
 */
export async function startFlakyProxy(
  targetPort: number,
  random: () => number,
  options: { rate: number; onPassed?: (count: number) => void },
): Promise<FlakyProxy> {
  const counts = { passed: 0, failedBefore: 0, failedAfter: 0 };
  const server: Server = createServer((incoming, reply) => {
    // only what writes: the rest is few and tells nothing
    const fails = incoming.method !== 'GET' && random() < options.rate;
    if (fails && random() < 0.5) {
      counts.failedBefore++;
      incoming.resume().on('end', () => fail(reply, random() < 0.5 ? 500 : 503));
      return;
    }
    counts.passed++;
    options.onPassed?.(counts.passed);
    if (fails) counts.failedAfter++;
    pass(incoming, reply, targetPort, fails ? () => fail(reply, random() < 0.5 ? 500 : 503) : undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    counts,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function fail(reply: ServerResponse, status: number): void {
  reply.writeHead(status, { 'content-type': 'text/html', ...(status === 503 ? { 'retry-after': '0' } : {}) });
  reply.end('<html>no</html>');
}

function pass(
  incoming: IncomingMessage,
  reply: ServerResponse,
  port: number,
  instead: (() => void) | undefined,
): void {
  const outgoing = request(
    {
      host: '127.0.0.1',
      port,
      method: incoming.method,
      path: incoming.url,
      headers: { ...incoming.headers, host: `127.0.0.1:${port}` },
    },
    (answer) => {
      if (instead) {
        answer.resume().on('end', instead);
        return;
      }
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
      answer.on('error', () => reply.destroy());
    },
  );
  // the server was killed: the client sees a connection that ends
  outgoing.on('error', () => reply.destroy());
  incoming.pipe(outgoing);
}
