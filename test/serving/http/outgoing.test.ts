import { context, SpanKind, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import http, { createServer, type IncomingHttpHeaders, request as outgoing } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen, type Recording, startRecording } from './recording.ts';

let recording: Recording;
let port: number;
const received = new Map<string, IncomingHttpHeaders>();
const server = createServer((message, response) => {
  received.set(String(message.url), message.headers);
  if (message.url === '/destroy') message.socket.destroy();
  else response.writeHead(message.url === '/500' ? 500 : 200).end('ok');
});
beforeAll(async () => {
  recording = startRecording({ client: true, server: 'none' });
  port = await listen(server);
});
afterAll(() => {
  server.close();
  recording.stop();
});

const url = (path: string) => `http://127.0.0.1:${port}${path}`;
const client = (path: string) =>
  recording.spans.find(
    (span) => span.kind === SpanKind.CLIENT && String(span.attributes['url.full']).includes(path),
  );
const within = <T>(work: () => Promise<T>) =>
  trace.getTracer('test').startActiveSpan('caller', async (span) => {
    const result = await work();
    span.end();
    return { result, spanId: span.spanContext().spanId, traceId: span.spanContext().traceId };
  });
const send = (with_: typeof outgoing, path: string) =>
  new Promise<void>((resolve, reject) => {
    with_(url(path), (response) => response.resume().on('end', resolve))
      .on('error', reject)
      .end();
  });

describe('an outgoing request', () => {
  it.each([
    ['fetch', '/fetch?token=x&a=1', async () => void (await (await fetch(url('/fetch?token=x&a=1'))).text())],
    ['a named import of node:http', '/named?token=x&a=1', () => send(outgoing, '/named?token=x&a=1')],
    [
      'the default import of node:http',
      '/default?token=x&a=1',
      () => send(http.request, '/default?token=x&a=1'),
    ],
  ])('by %s has a CLIENT span and passes the trace on', async (_name, path, work) => {
    const { spanId, traceId } = await within(work);
    const span = await client(path.split('?', 1)[0] as string);
    expect(span.parentSpanContext?.spanId).toBe(spanId);
    expect(received.get(path)?.['traceparent']).toBe(`00-${traceId}-${span.spanContext().spanId}-01`);
    expect(span.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'url.full': expect.stringContaining('?token=REDACTED&a=1') as string,
      'server.address': '127.0.0.1',
      'server.port': port,
    });
  });
  it('that is answered by an error or breaks is one', async () => {
    await fetch(url('/500'));
    await fetch(url('/destroy')).catch(() => undefined);
    expect((await client('/500')).attributes['error.type']).toBe('500');
    expect((await client('/destroy')).status.code).toBe(2);
  });
  it('of telemetry itself is never traced', async () => {
    await context.with(suppressTracing(context.active()), async () => {
      await (await fetch(url('/suppressed-fetch'))).text();
      await send(outgoing, '/suppressed-http');
    });
    expect(
      recording.spans.ended.filter((span) => String(span.attributes['url.full']).includes('suppressed')),
    ).toEqual([]);
    for (const path of ['/suppressed-fetch', '/suppressed-http'])
      expect(received.get(path)).not.toHaveProperty('traceparent');
  });
  it('whose caller set the trace context itself is left alone', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await (await fetch(url('/own'), { headers: { traceparent } })).text();
    expect(received.get('/own')?.['traceparent']).toBe(traceparent);
  });
});
