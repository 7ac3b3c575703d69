import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createOtlpReceiver, type OtlpReceiver } from '../../../src/hub/receiver/index.ts';
import type { RequestBody } from '../../../src/hub/store/store.ts';
import { encodeStatus, type OtlpRequest, type PartialSuccess, RPC_CODE } from '../../../src/otlp/index.ts';
import { Receipts } from './ledger.ts';

/** How a destination behaves. `refused`: nothing listens. Times in milliseconds. */
export type Behaviour =
  | { kind: 'take' }
  | { kind: 'refused' }
  | { kind: 'hang' }
  | { kind: 'slow'; ms: number }
  | { kind: 'answer'; status: number; retryAfterSeconds?: number };

export const TAKE: Behaviour = { kind: 'take' };

interface Append {
  append(request: OtlpRequest, body: RequestBody): Promise<PartialSuccess>;
}
const NOTHING_REJECTED: PartialSuccess = { rejected: 0, message: '' };
/** Keeps nothing: what counts is in the receipts. */
const FORGETFUL: Append = { append: () => Promise.resolve(NOTHING_REJECTED) };

/**
 * An OTLP/HTTP destination on a port of its own that can fall sick and recover: our receiver, with receipts in front
 * of whatever store is given.
 */
export class Sink {
  readonly receipts = new Receipts();
  /** Requests by what became of them. */
  readonly requests: Record<string, number> = {};
  readonly port: number;
  readonly #receive: OtlpReceiver;
  #behaviour: Behaviour = { kind: 'refused' };
  #server: Server | undefined;
  readonly #hanging = new Set<ServerResponse>();
  readonly #waiting = new Set<{ holds: () => boolean; done: () => void }>();

  /** Nothing listens until a behaviour is set. */
  constructor(port: number, store: Append = FORGETFUL) {
    this.port = port;
    this.#receive = createOtlpReceiver({
      store: {
        append: async (request, body) => {
          const partial = await store.append(request, body);
          this.receipts.take(request);
          this.#look();
          return partial;
        },
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async behave(behaviour: Behaviour): Promise<this> {
    this.#behaviour = behaviour;
    if (behaviour.kind === 'refused') await this.#close();
    else if (this.#server === undefined) await this.#listen();
    return this;
  }

  /** Resolves true when the condition holds, looked at after every request taken; false after the time. */
  until(holds: () => boolean, ms: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = {
        holds,
        done: () => {
          clearTimeout(timer);
          this.#waiting.delete(waiter);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        resolve(false);
      }, ms);
      this.#waiting.add(waiter);
    });
  }

  close(): Promise<void> {
    return this.#close();
  }

  #look(): void {
    for (const waiter of this.#waiting) if (waiter.holds()) waiter.done();
  }

  async #listen(): Promise<void> {
    const server = createServer((req, res) => this.#handle(req, res));
    server.requestTimeout = 0;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
  }

  async #close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#hanging.clear();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  #count(what: string): void {
    this.requests[what] = (this.requests[what] ?? 0) + 1;
  }

  #handle(req: IncomingMessage, res: ServerResponse): void {
    // Trackers have a path of their own before OTLP's.
    req.url = (req.url ?? '').replace(/^.*(?=\/v1\/(traces|metrics|logs)$)/, '');
    const behaviour = this.#behaviour;
    this.#count(behaviour.kind === 'answer' ? String(behaviour.status) : behaviour.kind);
    switch (behaviour.kind) {
      case 'hang':
        req.resume();
        this.#hanging.add(res);
        res.once('close', () => this.#hanging.delete(res));
        return;
      case 'answer':
        req.resume();
        req.once('end', () => {
          const { status, retryAfterSeconds } = behaviour;
          const code = status === 400 ? RPC_CODE.invalidArgument : RPC_CODE.unavailable;
          res.writeHead(status, {
            'Content-Type': 'application/x-protobuf',
            ...(retryAfterSeconds !== undefined && { 'Retry-After': String(retryAfterSeconds) }),
          });
          res.end(encodeStatus('application/x-protobuf', code, `this destination answers ${status}`));
        });
        return;
      case 'slow':
        setTimeout(() => {
          if (!req.destroyed) this.#receive(req, res);
        }, behaviour.ms);
        return;
      default:
        if (!this.#receive(req, res)) res.writeHead(404).end();
    }
  }
}
