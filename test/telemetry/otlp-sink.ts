import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { LogRecord, MetricData, Signal, Span } from '../../src/otlp/index.ts';
import { decodeRequest } from '../../src/otlp/index.ts';

/** One request that the sink has received. */
export interface ReceivedRequest {
  readonly signal: Signal;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Tells connections apart. */
  readonly clientPort: number | undefined;
}

type Answer = (response: ServerResponse, request: ReceivedRequest) => void;

/** A receiver for tests: keeps every request, answers 200 unless told otherwise, and lets tests await requests. */
export class OtlpSink {
  readonly requests: ReceivedRequest[] = [];
  readonly #server = createServer((request, response) => void this.#receive(request, response));
  #answer: Answer = (response) => response.writeHead(200).end();
  #waiting: { test: () => boolean; done: () => void }[] = [];

  static async start(port = 0): Promise<OtlpSink> {
    const sink = new OtlpSink();
    sink.#server.listen(port, '127.0.0.1');
    await once(sink.#server, 'listening');
    sink.port = (sink.#server.address() as AddressInfo).port;
    return sink;
  }

  /** Stays the same after `close`. */
  port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Answers all further requests so. */
  answerWith(answer: Answer): void {
    this.#answer = answer;
  }

  /** Resolves as soon as `test` is true, asked now and after every request. */
  until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ test, done }));
  }

  spans(): Span[] {
    return this.#of('traces').flatMap((bytes) =>
      decodeRequest('traces', 'application/x-protobuf', bytes).resourceSpans.flatMap((r) =>
        r.scopeSpans.flatMap((s) => s.spans),
      ),
    );
  }

  logRecords(): LogRecord[] {
    return this.#of('logs').flatMap((bytes) =>
      decodeRequest('logs', 'application/x-protobuf', bytes).resourceLogs.flatMap((r) =>
        r.scopeLogs.flatMap((s) => s.logRecords),
      ),
    );
  }

  metrics(): MetricData[] {
    return this.#of('metrics').flatMap((bytes) =>
      decodeRequest('metrics', 'application/x-protobuf', bytes).resourceMetrics.flatMap((r) =>
        r.scopeMetrics.flatMap((s) => s.metrics),
      ),
    );
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #of(signal: Signal): Buffer[] {
    return this.requests.filter((request) => request.signal === signal).map(({ body }) => body);
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return; // The client went away in the middle.
    }
    const raw = Buffer.concat(chunks);
    const received: ReceivedRequest = {
      clientPort: request.socket.remotePort,
      signal: request.url?.split('/').at(-1) as Signal,
      headers: request.headers,
      body: request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw,
    };
    this.requests.push(received);
    this.#answer(response, received);
    const ready = this.#waiting.filter(({ test }) => test());
    this.#waiting = this.#waiting.filter((waiter) => !ready.includes(waiter));
    for (const { done } of ready) done();
  }
}
