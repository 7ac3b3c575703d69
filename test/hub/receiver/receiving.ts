/** A receiver on a real socket, with a store that remembers. */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import {
  createOtlpReceiver,
  type OtlpReceiver,
  type ReceiverOptions,
} from '../../../src/hub/receiver/index.ts';
import type { RequestBody } from '../../../src/hub/store/store.ts';
import type { OtlpRequest, PartialSuccess } from '../../../src/otlp/index.ts';

export class RecordingStore {
  readonly appended: { request: OtlpRequest; body: RequestBody }[] = [];
  /** What the next appends do; default: take everything. */
  behaviour: (request: OtlpRequest) => Promise<PartialSuccess> = async () => ({ rejected: 0, message: '' });

  append(request: OtlpRequest, body: RequestBody): Promise<PartialSuccess> {
    this.appended.push({ request, body });
    return this.behaviour(request);
  }
}

export interface Receiving {
  url: string;
  port: number;
  store: RecordingStore;
  receiver: OtlpReceiver;
  log: string[];
  close(): Promise<void>;
}

export async function startReceiving(options: Partial<ReceiverOptions> = {}): Promise<Receiving> {
  const store = new RecordingStore();
  const log: string[] = [];
  const receiver = createOtlpReceiver({
    store,
    log: (level, message) => log.push(`${level}: ${message}`),
    ...options,
  });
  const server = http.createServer((req, res) => {
    if (!receiver(req, res)) res.writeHead(404).end();
  });
  // Node's own time limits are off: what is tested is the receiver's.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    store,
    receiver,
    log,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** Sends a request with exactly these headers and reads the answer. */
export async function send(
  target: Receiving,
  path: string,
  options: {
    method?: string;
    headers?: http.OutgoingHttpHeaders;
    body?: Uint8Array | string | (Uint8Array | string)[];
  },
): Promise<Answer> {
  const { method = 'POST', headers = {}, body = [] } = options;
  const req = http.request({ host: '127.0.0.1', port: target.port, path, method, headers, agent: false });
  // An early answer may break the pipe of a sender that is still sending; the answer counts.
  req.on('error', () => {});
  for (const piece of Array.isArray(body) ? body : [body]) req.write(piece);
  req.end();
  const [res] = (await once(req, 'response')) as [http.IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of res) pieces.push(piece as Buffer);
  return { status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(pieces) };
}

/** A bare connection, for what an HTTP client would not do. */
export async function connect(target: Receiving): Promise<net.Socket> {
  const socket = net.connect(target.port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** When the connection is gone, by a reset too. */
export function closeOf(socket: net.Socket): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

/** Everything that comes until there are so many of the pattern, or the other side closes. */
export async function readUntil(socket: net.Socket, pattern: RegExp, count: number): Promise<string> {
  let text = '';
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    text += String(piece);
    if ((text.match(pattern) ?? []).length >= count) break;
  }
  return text;
}
