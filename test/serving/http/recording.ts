import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { once } from 'node:events';
import { connect, type AddressInfo, type Server as NetServer } from 'node:net';
import { type HttpOptions, startHttp } from '../../../src/serving/http/index.ts';
import { observeOpenAi } from '../../../src/serving/openai/index.ts';

/** Spans in memory, and promises for those that have not ended yet: nothing here waits for a time. */
export class Spans implements SpanProcessor {
  readonly ended: ReadableSpan[] = [];
  #waiting: { matches: (span: ReadableSpan) => boolean; resolve: (span: ReadableSpan) => void }[] = [];

  onStart(): void {}
  onEnd(span: ReadableSpan): void {
    this.ended.push(span);
    const matched = this.#waiting.filter((entry) => entry.matches(span));
    this.#waiting = this.#waiting.filter((entry) => !matched.includes(entry));
    for (const entry of matched) entry.resolve(span);
  }
  forceFlush = (): Promise<void> => Promise.resolve();
  shutdown = (): Promise<void> => Promise.resolve();

  /** The span that matches, now or once it ends. */
  find(matches: (span: ReadableSpan) => boolean): Promise<ReadableSpan> {
    const found = this.ended.find(matches);
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }
  server(path: string): Promise<ReadableSpan> {
    return this.find((span) => span.kind === SpanKind.SERVER && span.attributes['url.path'] === path);
  }
  /** The generation below a SERVER span. */
  async generation(path: string): Promise<ReadableSpan> {
    const server = await this.server(path);
    return this.find((span) => span.parentSpanContext?.spanId === server.spanContext().spanId);
  }
}

export interface Recording {
  readonly spans: Spans;
  stop(): void;
}

/** A tracer provider in memory and the instrumentation of servers, as `register` starts it. */
export function startRecording(options: HttpOptions & { routes?: string } = {}): Recording {
  const spans = new Spans();
  const contexts = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(contexts);
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  const provider = new NodeTracerProvider({ spanProcessors: [spans] });
  trace.setGlobalTracerProvider(provider);
  const stop = startHttp({ client: false, observe: observeOpenAi({ routes: options.routes }), ...options });
  return {
    spans,
    stop() {
      stop();
      trace.disable();
      context.disable();
      propagation.disable();
      contexts.disable();
    },
  };
}

/** Listens on a free port of the loopback. */
export async function listen(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Sends bytes as they are and gives every byte that comes back until the server closes. */
export async function exchange(port: number, ...requests: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  socket.write(requests.join(''), 'latin1');
  await once(socket, 'close');
  return Buffer.concat(parts).toString('latin1');
}

/** A request that asks the server to close the connection after it. */
export function request(method: string, target: string, body?: string, headers: string[] = []): string {
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: localhost:1', 'Connection: close', ...headers];
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join('\r\n')}\r\n\r\n${Buffer.from(body ?? '').toString('latin1')}`;
}
