import { describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { instrumentFetchHandler, startGeneration, trackResponse } from '../../../src/serving/index.ts';
import { newModel, total } from '../generation/recorded.ts';
import { jsonReply, ROUTE, sseReply } from './servers.ts';

function sse(model: string, options: { fail?: Error } = {}): { response: Response; cancelled: unknown[] } {
  const cancelled: unknown[] = [];
  const pieces = sseReply(model);
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const piece = pieces.shift();
      if (options.fail && pieces.length < 3) controller.error(options.fail);
      else if (piece === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(piece));
    },
    cancel: (reason) => void cancelled.push(reason),
  });
  return {
    response: new Response(body, {
      status: 201,
      headers: { 'content-type': 'text/event-stream', 'x-own': '1' },
    }),
    cancelled,
  };
}
const tokens = (model: string, type: string) =>
  total(METRIC.servingTokens, model, { [ATTR.tokenType]: type });

describe('trackResponse', () => {
  it('keeps status, headers and bytes, and reads an OpenAI-style stream', async () => {
    const model = newModel();
    const generation = startGeneration({ model, stream: true });
    const response = trackResponse(sse(model).response, generation);
    expect([response.status, response.headers.get('x-own')]).toEqual([201, '1']);
    expect(await response.text()).toBe(sseReply(model).join(''));
    expect(generation.outcome).toBe('completed');
    expect([tokens(model, 'input'), tokens(model, 'output')]).toEqual([9, 4]);
    expect(total(METRIC.timeToFirstByte, model)).toBe(1);
    expect(total(METRIC.interChunkDuration, model)).toBe(1);
  });

  it('reads the usage of a JSON reply', async () => {
    const model = newModel();
    const generation = startGeneration({ model });
    const response = trackResponse(Response.json(jsonReply(model)), generation);
    expect(await response.json()).toEqual(jsonReply(model));
    expect(generation.outcome).toBe('length');
    expect(tokens(model, 'output')).toBe(5);
  });

  it('is an abort when the body is cancelled, with the reason passed on', async () => {
    const model = newModel();
    const generation = startGeneration({ model, stream: true });
    const { response, cancelled } = sse(model);
    const reader = trackResponse(response, generation).body?.getReader();
    await reader?.read();
    await reader?.cancel('gone');
    expect(cancelled).toEqual(['gone']);
    expect(generation.outcome).toBe('aborted');
  });

  it('is an error when the body breaks, and the error stays the same', async () => {
    const model = newModel();
    const error = new TypeError('broken');
    const generation = startGeneration({ model, stream: true });
    const response = trackResponse(sse(model, { fail: error }).response, generation);
    await expect(response.text()).rejects.toBe(error);
    expect(generation.outcome).toBe('error');
  });

  it('is an error when the status says so', async () => {
    const model = newModel();
    const generation = startGeneration({ model });
    const body = { error: { type: 'rate_limit_exceeded', message: 'slow down' } };
    await trackResponse(Response.json(body, { status: 429 }), generation).text();
    expect(total(METRIC.servingRequests, model, { [ATTR.errorType]: 'rate_limit_exceeded' })).toBe(1);
    const other = startGeneration({ model });
    trackResponse(new Response(null, { status: 503 }), other);
    expect(total(METRIC.servingRequests, model, { [ATTR.errorType]: '503' })).toBe(1);
  });

  it('gives back what it cannot track', async () => {
    const generation = startGeneration({ model: newModel() });
    const response = new Response('x');
    response.body?.getReader();
    expect(trackResponse(response, generation)).toBe(response);
    generation.abort();
  });
});

describe('instrumentFetchHandler', () => {
  const request = (model: string) =>
    new Request(`http://localhost${ROUTE}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: true }),
    });

  it('records the exchange of a handler of Web requests', async () => {
    const model = newModel();
    const handler = instrumentFetchHandler(async (received) => {
      const { model: asked } = (await received.json()) as { model: string };
      return sse(asked).response;
    });
    const response = await handler(request(model));
    expect(response.status).toBe(201);
    expect(await response.text()).toBe(sseReply(model).join(''));
    expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'completed' })).toBe(1);
    expect(tokens(model, 'output')).toBe(4);
  });

  it('does not hold a reply back for a body that is still on its way', async () => {
    const model = newModel();
    const never = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
    const handler = instrumentFetchHandler(() => new Response('no', { status: 401 }));
    const init = { method: 'POST', body: never, duplex: 'half' } as RequestInit;
    const response = await handler(new Request(`http://localhost${ROUTE}?${model}`, init));
    expect([response.status, await response.text()]).toEqual([401, 'no']);
  });

  it('hands the error of a handler on, and counts it', async () => {
    const model = newModel();
    const error = new RangeError('bug');
    const handler = instrumentFetchHandler(async (received) => {
      await received.text();
      throw error;
    });
    await expect(handler(request(model))).rejects.toBe(error);
    expect(total(METRIC.servingRequests, model, { [ATTR.errorType]: 'RangeError' })).toBe(1);
  });
});
