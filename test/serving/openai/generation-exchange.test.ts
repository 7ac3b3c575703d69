import { SpanKind } from '@opentelemetry/api';
import compression from 'compression';
import express from 'express';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { connect, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { METRIC } from '../../../src/conventions/index.ts';
import { startGeneration } from '../../../src/serving/generation/start.ts';
import type { BoundUpDownCounter } from '../../../src/telemetry/instruments/bound.ts';
import { instruments } from '../../../src/telemetry/instruments/registry.ts';
import { exchange, listen, type Recording, request, startRecording } from '../http/recording.ts';

let recording: Recording;
let server: Server | undefined;
beforeAll(() => {
  recording = startRecording({ routes: '/generate' });
});
afterAll(() => recording.stop());
afterEach(() => {
  server?.close();
  recording.spans.ended.length = 0;
});

const PATH = '/v1/chat/completions';
const sse = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const delta = (value: object, index = 0) =>
  sse({ id: 'c1', model: 'm-1', choices: [{ index, delta: value }] });
const finish = (reason: string, index = 0) => sse({ choices: [{ index, delta: {}, finish_reason: reason }] });
const USAGE = sse({
  choices: [],
  usage: { prompt_tokens: 5, completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 1 } },
});
const ASK = { model: 'm', stream: true, max_tokens: 6, messages: [{ role: 'user', content: 'hello' }] };

async function serve(handler: RequestListener): Promise<number> {
  server = createServer(handler);
  return listen(server);
}
const streaming =
  (pieces: (string | Buffer)[], headers: Record<string, string> = {}) =>
  (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', ...headers });
    for (const piece of pieces) response.write(piece);
    response.end();
  };
async function generate(handler: RequestListener, body: unknown = ASK, path = PATH) {
  const port = await serve(handler);
  const reply = await exchange(
    port,
    request('POST', path, typeof body === 'string' ? body : JSON.stringify(body)),
  );
  const span = await recording.spans.generation(path);
  return { reply, span, attributes: span.attributes };
}
const active = () =>
  [...(instruments.byName(METRIC.activeRequests.name)[0]?.series() ?? [])].map(
    (entry) => (entry as BoundUpDownCounter).value,
  );

describe('a streamed generation', () => {
  it('is a child of the SERVER span with what request and reply say', async () => {
    const { span, attributes } = await generate(
      streaming([
        ': ping\n\n',
        delta({ role: 'assistant' }),
        delta({ content: 'Hi' }),
        delta({ content: '!' }),
        finish('stop'),
        USAGE,
        sse('[DONE]'),
      ]),
    );
    const parent = await recording.spans.server(PATH);
    expect(span.name).toBe('chat m');
    expect(parent.name).toBe(`POST ${PATH}`);
    expect(parent.attributes['gen_ai.request.model']).toBe('m');
    expect(attributes).toMatchObject({
      'gen_ai.request.model': 'm',
      'gen_ai.request.stream': true,
      'gen_ai.request.max_tokens': 6,
      'llm.serving.prompt_length': 5,
      'gen_ai.response.id': 'c1',
      'gen_ai.response.model': 'm-1',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 5,
      'gen_ai.usage.output_tokens': 3,
      'gen_ai.usage.reasoning.output_tokens': 1,
      'llm.serving.chunks': 2,
      'llm.serving.completion_ratio': 0.5,
      'llm.outcome': 'completed',
    });
  });
  it('takes the first real delta for the first token, not the role before it', async () => {
    // The server's own clock says when it wrote what.
    const written: number[] = [];
    let started = 0;
    const { attributes } = await generate((_request, response) => {
      started = performance.now();
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const pieces = [
        delta({ role: 'assistant', content: '' }),
        ': ping\n\n',
        delta({ content: 'x' }),
        sse('[DONE]'),
      ];
      const next = () => {
        const piece = pieces.shift();
        if (piece === undefined) {
          response.end();
          return;
        }
        written.push(performance.now() - started);
        response.write(piece);
        // A time that differs from piece to piece, without a timer: work.
        for (const until = performance.now() + 3; performance.now() < until; );
        setImmediate(next);
      };
      next();
    });
    const first = (attributes['llm.serving.time_to_first_token'] as number) * 1000;
    const byte = (attributes['llm.serving.time_to_first_byte'] as number) * 1000;
    expect(first).toBeGreaterThanOrEqual(written[2] as number);
    expect(first - byte).toBeGreaterThanOrEqual((written[2] as number) - (written[0] as number) - 1e-6 - 1);
    expect(byte).toBeLessThan(first);
  });
  it('estimates its tokens from its deltas when the reply names no usage', async () => {
    const { attributes } = await generate(
      streaming([
        delta({ content: 'a' }),
        delta({ reasoning_content: 'b' }),
        delta({ tool_calls: [{ index: 0 }] }),
        finish('tool_calls'),
        sse('[DONE]'),
      ]),
    );
    expect(attributes).toMatchObject({
      'llm.serving.output_tokens_estimated': 3,
      'gen_ai.response.finish_reasons': ['tool_calls'],
    });
  });
  it('has the finish reason of every choice, and reaches its limit when one says so', async () => {
    const { attributes } = await generate(
      streaming([
        delta({ content: 'a' }, 0),
        delta({ content: 'b' }, 1),
        finish('length', 1),
        finish('stop', 0),
        USAGE,
      ]),
    );
    expect(attributes).toMatchObject({
      'gen_ai.response.finish_reasons': ['stop', 'length'],
      'llm.outcome': 'length',
    });
  });
  it('may be empty', async () => {
    const { attributes } = await generate(streaming([sse('[DONE]')]));
    expect(attributes['llm.outcome']).toBe('completed');
    expect(attributes).not.toHaveProperty('llm.serving.time_to_first_token');
  });
  it.each([1, 3, 7])('is read the same in pieces of %i bytes', async (size) => {
    const bytes = Buffer.from(
      [delta({ content: 'é🌍' }), finish('stop'), USAGE, sse('[DONE]')].join('').replaceAll('\n', '\r\n'),
    );
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const { attributes } = await generate(streaming(pieces));
    expect(attributes).toMatchObject({ 'gen_ai.usage.output_tokens': 3, 'llm.serving.chunks': 1 });
  });
  it('is read through the compression that the program does itself', async () => {
    const compressed = gzipSync([delta({ content: 'a' }), finish('stop'), USAGE].join(''));
    const { attributes } = await generate(
      streaming([compressed.subarray(0, 12), compressed.subarray(12)], { 'Content-Encoding': 'gzip' }),
    );
    expect(attributes).toMatchObject({
      'gen_ai.usage.output_tokens': 3,
      'llm.serving.chunks': 1,
      'llm.outcome': 'completed',
    });
    expect(attributes).toHaveProperty('llm.serving.time_to_first_token');
  });
  it('is read through the compression middleware of Express', async () => {
    const app = express();
    app.use(compression({ threshold: 0 }));
    app.post(PATH, (_request, response) => {
      response.type('text/event-stream');
      response.write(delta({ content: 'a' }));
      (response as unknown as { flush(): void }).flush();
      response.end(USAGE);
    });
    server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await exchange(port, request('POST', PATH, JSON.stringify(ASK), ['Accept-Encoding: gzip']));
    const { attributes } = await recording.spans.generation(PATH);
    expect(attributes).toMatchObject({ 'gen_ai.usage.output_tokens': 3, 'llm.serving.chunks': 1 });
  });
  it('in an encoding that cannot be read is still counted, with its time', async () => {
    const { attributes } = await generate(streaming(['???'], { 'Content-Encoding': 'snappy' }));
    expect(attributes['llm.outcome']).toBe('completed');
    expect(attributes).not.toHaveProperty('gen_ai.usage.output_tokens');
  });
});

describe('a generation on other routes', () => {
  it('of Responses is read by its events', async () => {
    const response = {
      id: 'r1',
      model: 'm-1',
      status: 'completed',
      usage: { input_tokens: 4, output_tokens: 2 },
    };
    const { span, attributes } = await generate(
      streaming(
        [
          { type: 'response.created', response: { id: 'r1', model: 'm-1' } },
          { type: 'response.reasoning_text.delta', delta: 'hm' },
          { type: 'response.output_text.delta', delta: 'a' },
          { type: 'response.completed', response },
        ].map((event) => `event: ${event.type}\n${sse(event)}`),
      ),
      { model: 'm', input: 'abc', stream: true, max_output_tokens: 9 },
      '/proxy/v1/responses',
    );
    expect(span.name).toBe('chat m');
    expect(attributes).toMatchObject({
      'gen_ai.request.max_tokens': 9,
      'llm.serving.prompt_length': 3,
      'gen_ai.usage.output_tokens': 2,
      'gen_ai.response.finish_reasons': ['stop'],
      'llm.serving.chunks': 2,
    });
  });
  it('of Completions is a text completion', async () => {
    const chunk = sse({ choices: [{ index: 0, text: 'a', finish_reason: 'length' }] });
    const { span } = await generate(
      streaming([chunk]),
      { model: 'm', prompt: 'abc', stream: true },
      '/v1/completions',
    );
    expect(span.name).toBe('text_completion m');
    expect(span.attributes['llm.outcome']).toBe('length');
  });
  it('that the user named is read too', async () => {
    const { span } = await generate(streaming([delta({ content: 'a' })]), ASK, '/x/generate');
    expect(span.name).toBe('chat m');
  });
  it('is none for other methods and other paths', async () => {
    const port = await serve((_request, response) => response.end());
    await exchange(port, request('GET', PATH));
    await exchange(port, request('POST', '/v1/models', '{}'));
    await recording.spans.server('/v1/models');
    expect(recording.spans.ended.map((span) => span.kind)).toEqual([1, 1]);
  });
});

describe('a generation in one piece', () => {
  const reply = {
    id: 'c1',
    model: 'm-1',
    choices: [{ index: 0, message: { content: 'Hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 5, completion_tokens: 3 },
  };
  it('has usage and duration but no first token', async () => {
    const { attributes } = await generate(
      (_request, response) =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify(reply)),
      { model: 'm', messages: [] },
    );
    expect(attributes).toMatchObject({ 'gen_ai.usage.output_tokens': 3, 'llm.outcome': 'completed' });
    expect(attributes).not.toHaveProperty('llm.serving.time_to_first_token');
  });
  it.each([
    [
      { error: { type: 'rate_limit_error', code: 'rate_limit_exceeded', message: 'slow down' } },
      'rate_limit_exceeded',
    ],
    ['plain text', '429'],
  ])('that was refused has the error of its body, else its status: %o', async (body, type) => {
    const { span } = await generate((_request, response) => {
      response
        .writeHead(429, { 'content-type': 'application/json' })
        .end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    expect(span.attributes).toMatchObject({ 'error.type': type, 'llm.outcome': 'error' });
    expect(span.status.code).toBe(2);
  });
  it('with a body that says nothing is still one, of an unknown model', async () => {
    const { span } = await generate((_request, response) => response.writeHead(400).end(), 'not json');
    expect(span.name).toBe('chat unknown');
    expect(span.attributes['error.type']).toBe('400');
  });
});

describe('a generation that ends early', () => {
  it('by an error event has failed, whatever its status', async () => {
    const { span } = await generate(
      streaming([
        delta({ content: 'a' }),
        sse({ error: { type: 'server_error', message: 'out of memory' } }),
      ]),
    );
    expect(span.attributes).toMatchObject({ 'llm.outcome': 'error', 'error.type': 'server_error' });
  });
  it('by the client is aborted, not failed', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(delta({ content: 'a' }));
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(request('POST', PATH, JSON.stringify(ASK)));
    await once(socket, 'data');
    socket.destroy();
    const span = await recording.spans.generation(PATH);
    expect(span.attributes['llm.outcome']).toBe('aborted');
    expect(span.status.code).toBe(0);
    expect(active().every((value) => value === 0)).toBe(true);
  });
  it('by the client after the last event is complete', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(delta({ content: 'a' }) + finish('stop') + sse('[DONE]'));
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(request('POST', PATH, JSON.stringify(ASK)));
    await once(socket, 'data');
    socket.destroy();
    expect((await recording.spans.generation(PATH)).attributes['llm.outcome']).toBe('completed');
  });
  it('by the server giving up has failed', async () => {
    const { span } = await generate((_request, response) => {
      response.write('x');
      response.destroy(new TypeError('upstream'));
    });
    expect(span.attributes).toMatchObject({ 'llm.outcome': 'error', 'error.type': 'TypeError' });
  });
});

describe('a reply that begins before its request has come whole', () => {
  it('waits for the model that the request names', async () => {
    const port = await serve((message, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(delta({ content: 'a' }), () => response.write(USAGE));
      message.resume().on('end', () => response.end());
    });
    const socket = connect(port, '127.0.0.1');
    const [head, body] = request('POST', PATH, JSON.stringify(ASK)).split('\r\n\r\n') as [string, string];
    socket.write(`${head}\r\n\r\n${body.slice(0, 5)}`);
    await once(socket, 'data');
    socket.resume().write(body.slice(5));
    const { name, attributes } = await recording.spans.generation(PATH);
    expect(name).toBe('chat m');
    expect(attributes).toMatchObject({ 'llm.serving.chunks': 1, 'gen_ai.usage.output_tokens': 3 });
  });
  it('takes what it can from a request that never came whole', async () => {
    const port = await serve((_message, response) => response.writeHead(413).end('no'));
    const socket = connect(port, '127.0.0.1');
    socket.write(request('POST', PATH, JSON.stringify(ASK)).slice(0, -10));
    await once(socket, 'data');
    socket.destroy();
    const span = await recording.spans.generation(PATH);
    expect(span.name).toBe('chat m');
    expect(span.attributes['error.type']).toBe('413');
  });
});

describe('a program that records its generations itself', () => {
  it('is not counted twice', async () => {
    const port = await serve((message, response) => {
      message.resume().on('end', () => {
        const generation = startGeneration({ model: 'explicit' });
        response.end('done', () => generation.end({ outputTokens: 1 }));
      });
    });
    await exchange(port, request('POST', PATH, JSON.stringify(ASK)));
    const parent = await recording.spans.server(PATH);
    const below = recording.spans.ended.filter(
      (span) => span.parentSpanContext?.spanId === parent.spanContext().spanId,
    );
    expect(below.map((span) => span.name)).toEqual(['chat explicit']);
    expect(active().every((value) => value === 0)).toBe(true);
  });
  it('may do so after an await and before it reads the body', async () => {
    const port = await serve((message, response) => {
      void (async () => {
        await Promise.resolve();
        const generation = startGeneration({ model: 'early' });
        for await (const _part of message);
        response.end();
        generation.end();
      })();
    });
    await exchange(port, request('POST', PATH, JSON.stringify(ASK)));
    await recording.spans.server(PATH);
    expect(
      recording.spans.ended.filter((span) => span.kind === SpanKind.INTERNAL).map((span) => span.name),
    ).toEqual(['chat early']);
  });
});

describe('pipelined generations', () => {
  it('are each read on their own', async () => {
    const port = await serve((message, response) => {
      const parts: Buffer[] = [];
      message.on('data', (part: Buffer) => parts.push(part));
      message.on('end', () => {
        const { model } = JSON.parse(String(Buffer.concat(parts))) as { model: string };
        response.setHeader('content-type', 'text/event-stream');
        setImmediate(() =>
          response.end(delta({ content: model }) + sse({ choices: [], model: `${model}!` })),
        );
      });
    });
    const ask = (model: string) => request('POST', PATH, JSON.stringify({ model, stream: true }));
    const requests = ['a', 'b', 'c'].map((model, i) =>
      i < 2 ? ask(model).replace('Connection: close\r\n', '') : ask(model),
    );
    await exchange(port, ...requests);
    const spans = await Promise.all(
      ['a', 'b', 'c'].map((model) => recording.spans.find((span) => span.name === `chat ${model}`)),
    );
    expect(spans.map((span) => span.attributes['gen_ai.response.model'])).toEqual(['a!', 'b!', 'c!']);
    expect(new Set(spans.map((span) => span.parentSpanContext?.spanId)).size).toBe(3);
  });
});
