import { trace } from '@opentelemetry/api';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Recording, startRecording } from './recording.ts';

let recording: Recording;
let server: Http2Server;
let client: ClientHttp2Session;
beforeAll(() => {
  recording = startRecording();
});
afterAll(() => recording.stop());
afterEach(() => {
  client.destroy();
  server.close();
  recording.spans.ended.length = 0;
});

async function serve(build: (server: Http2Server) => void): Promise<void> {
  server = createServer();
  build(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}
async function ask(headers: OutgoingHttpHeaders, body?: string): Promise<{ status: unknown; text: string }> {
  const stream = client.request(headers, { endStream: body === undefined });
  let status: unknown;
  stream.on('response', (reply) => {
    status = reply[':status'];
  });
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  if (body !== undefined) stream.end(body);
  await once(stream, 'close');
  return { status, text: Buffer.concat(parts).toString() };
}
const sse = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const activeSpanId = () => trace.getActiveSpan()?.spanContext().spanId;

describe('an HTTP/2 server', () => {
  it('has a SERVER span with its context, through the compatibility API', async () => {
    const seen: (string | undefined)[] = [];
    await serve((it) =>
      it.on('request', (request, response) => {
        seen.push(activeSpanId());
        request.on('data', () => seen.push(activeSpanId()));
        request.on('end', () => {
          seen.push(activeSpanId());
          response.statusCode = 201;
          response.write('a');
          response.end('b');
        });
      }),
    );
    const reply = await ask(
      { ':method': 'POST', ':path': '/compat?token=x', 'user-agent': 'test/2' },
      'body',
    );
    expect(reply).toEqual({ status: 201, text: 'ab' });
    const span = await recording.spans.server('/compat');
    const { spanId } = span.spanContext();
    expect(seen).toEqual([spanId, spanId, spanId]);
    expect(span.attributes).toMatchObject({
      'http.request.method': 'POST',
      'url.query': 'token=REDACTED',
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
      'network.protocol.version': '2',
      'network.peer.address': '127.0.0.1',
      'http.response.status_code': 201,
      'user_agent.original': 'test/2',
      'llm.serving.chunks': 2,
    });
  });
  it('has one through the stream API, child of the caller', async () => {
    let seen: string | undefined;
    await serve((it) =>
      it.on('stream', (stream) => {
        seen = activeSpanId();
        stream.respond({ ':status': 500 });
        stream.end('no');
      }),
    );
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(await ask({ ':path': '/core', traceparent })).toEqual({ status: 500, text: 'no' });
    const span = await recording.spans.server('/core');
    expect(span.spanContext().spanId).toBe(seen);
    expect(span.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(span.attributes['error.type']).toBe('500');
  });
  it('keeps streams of one connection apart', async () => {
    const seen = new Map<string, string | undefined>();
    await serve((it) =>
      it.on('stream', (stream, headers) => {
        setImmediate(() => {
          seen.set(String(headers[':path']), activeSpanId());
          stream.respond();
          stream.end();
        });
      }),
    );
    const paths = Array.from({ length: 10 }, (_, i) => `/s${i}`);
    await Promise.all(paths.map((path) => ask({ ':path': path })));
    for (const path of paths)
      expect((await recording.spans.server(path)).spanContext().spanId).toBe(seen.get(path));
  });
  it('records generations', async () => {
    await serve((it) =>
      it.on('request', (request, response) => {
        request.resume();
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(sse({ choices: [{ index: 0, delta: { content: 'a' } }] }));
        response.end(sse({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } }));
      }),
    );
    const path = '/v1/chat/completions';
    await ask({ ':method': 'POST', ':path': path }, JSON.stringify({ model: 'm2', stream: true }));
    const span = await recording.spans.generation(path);
    expect(span.name).toBe('chat m2');
    expect(span.attributes).toMatchObject({ 'gen_ai.usage.output_tokens': 2, 'llm.serving.chunks': 1 });
  });
  it('calls a reset by the client an abort', async () => {
    await serve((it) =>
      it.on('stream', (stream) => {
        stream.on('error', () => undefined);
        stream.respond();
        stream.write('begun');
      }),
    );
    const stream = client.request({ ':path': '/reset' });
    stream.on('error', () => undefined);
    await once(stream, 'data');
    stream.close(8);
    const span = await recording.spans.server('/reset');
    expect(span.attributes['llm.outcome']).toBe('aborted');
    expect(span.status.code).toBe(0);
  });
});
