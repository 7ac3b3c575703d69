import { once } from 'node:events';
import net from 'node:net';

/**
 * A TCP load balancer in small: every connection goes to the next back end, past those that refuse. A connection whose
 * back end breaks is broken too; its client connects again.
 */
export class Balancer {
  readonly #backends: readonly number[];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #next = 0;
  /** Connections by the port that they went to. */
  readonly connections = new Map<number, number>();

  private constructor(backends: readonly number[]) {
    this.#backends = backends;
    this.#server = net.createServer((client) => {
      this.#track(client);
      this.#connect(client, this.#backends.length);
    });
  }

  /** @param backends ports of 127.0.0.1 */
  static async start(backends: readonly number[]): Promise<Balancer> {
    const balancer = new Balancer(backends);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  #connect(client: net.Socket, tries: number): void {
    if (tries === 0 || client.destroyed) {
      client.destroy();
      return;
    }
    const port = this.#backends[this.#next++ % this.#backends.length] as number;
    const backend = net.connect(port, '127.0.0.1');
    this.#track(backend);
    let connected = false;
    backend.once('connect', () => {
      connected = true;
      this.connections.set(port, (this.connections.get(port) ?? 0) + 1);
      client.pipe(backend);
      backend.pipe(client);
      client.once('close', () => backend.destroy());
    });
    backend.once('close', () => {
      if (connected) client.destroy();
      else this.#connect(client, tries - 1);
    });
  }

  #track(socket: net.Socket): void {
    this.#sockets.add(socket);
    // What broke is told by the close that follows.
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
