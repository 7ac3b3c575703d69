import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { planCollector, type PlanInput, runCollector } from '../../../src/collector/index.ts';
import { decodeRequest, type OtlpRequest, type Signal } from '../../../src/otlp/index.ts';

export interface Running extends AsyncDisposable {
  /** Where to send. */
  url: string;
  /** Folder of queues and files. */
  state: string;
  files: string;
}

/** Starts a Collector through our own plan and supervisor, with ports and a folder of its own. */
export async function startReal(
  path: string,
  input: PlanInput & { env: Record<string, string> },
): Promise<Running> {
  const state = mkdtempSync(join(tmpdir(), 'llm-otel-collector-'));
  const [http, grpc, health, metrics, prometheus] = await freePorts(5);
  const plan = planCollector({
    ...input,
    flags: {
      OTELCOL_HTTP_PORT: http,
      OTELCOL_GRPC_PORT: grpc,
      OTELCOL_HEALTH_PORT: health,
      OTELCOL_METRICS_PORT: metrics,
      PROMETHEUS_PORT: prometheus,
      OTELCOL_STATE: state,
      ...input.flags,
    },
  });
  const log: string[] = [];
  const running = runCollector({
    plan,
    path,
    env: { PATH: process.env['PATH'] ?? '', ...input.env },
    log: (_, message) => log.push(message),
    graceMs: 2000,
  });
  const dispose = async () => {
    await running.stop();
    rmSync(state, { recursive: true, force: true });
  };
  try {
    await running.ready;
  } catch (error) {
    await dispose();
    throw new Error(`${(error as Error).message}\n${log.join('\n')}`, { cause: error });
  }
  return { url: plan.endpoints.http, state, files: join(state, 'files'), [Symbol.asyncDispose]: dispose };
}

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  request: OtlpRequest;
}

/** An OTLP receiver that keeps everything; `next` waits for the request after those that were taken. */
export async function startSink(): Promise<
  { url: string; received: Received[]; next: () => Promise<Received> } & AsyncDisposable
> {
  const received: Received[] = [];
  const waiting: ((one: Received) => void)[] = [];
  let taken = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    const path = request.url ?? '';
    const signal = path.slice(path.lastIndexOf('/') + 1) as Signal;
    const one = {
      path,
      headers: request.headers,
      request: decodeRequest(signal, 'application/x-protobuf', bytes),
    };
    received.push(one);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    const waiter = waiting.shift();
    if (waiter) {
      taken++;
      waiter(one);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    next: () => {
      const one = received[taken];
      if (one !== undefined) {
        taken++;
        return Promise.resolve(one);
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export async function freePorts(count: number): Promise<string[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createTcpServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => String((server.address() as AddressInfo).port));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Posts OTLP JSON. @returns the status */
export async function post(url: string, signal: Signal, body: unknown): Promise<number> {
  const response = await fetch(`${url}/v1/${signal}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}
