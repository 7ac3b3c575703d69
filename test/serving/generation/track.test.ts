import { Readable } from 'node:stream';
import { array, assert, asyncProperty, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { startGeneration } from '../../../src/serving/generation/start.ts';
import { newModel, total } from './recorded.ts';

async function* numbers(count: number): AsyncGenerator<number, string, unknown> {
  for (let i = 0; i < count; i++) yield i;
  return 'returned';
}
const collect = async <T>(stream: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const chunk of stream) all.push(chunk);
  return all;
};

describe('a tracked async iterable', () => {
  it('gives every chunk and ends the generation when it is done', async () => {
    const model = newModel();
    const generation = startGeneration({ model, stream: true });
    expect(await collect(generation.track(numbers(4)))).toEqual([0, 1, 2, 3]);
    expect(generation.outcome).toBe('completed');
    expect(total(METRIC.timeToFirstToken, model)).toBe(1);
    expect(total(METRIC.interChunkDuration, model)).toBe(3);
  });

  it('asks tokensOf for the tokens of a chunk; 0 is a chunk without content', async () => {
    const model = newModel();
    const generation = startGeneration({ model, stream: true });
    const chunks = Readable.from(['role', 'two tokens', 'more']);
    await collect(generation.track(chunks, (chunk: string) => (chunk === 'role' ? 0 : 2)));
    expect(total(METRIC.servingTokens, model, { [ATTR.tokenType]: 'output' })).toBe(4);
    expect(total(METRIC.interChunkDuration, model)).toBe(1);
    expect(total(METRIC.timePerOutputToken, model)).toBe(1);
  });

  it('is an abort when the consumer breaks, and the source is closed', async () => {
    const generation = startGeneration({ model: newModel() });
    let closed = false;
    async function* source() {
      try {
        yield 1;
        yield 2;
      } finally {
        closed = true;
      }
    }
    for await (const _ of generation.track(source())) break;
    expect(generation.outcome).toBe('aborted');
    expect(closed).toBe(true);
  });

  it('is no abort when the reply had said that it was complete before the break', async () => {
    const generation = startGeneration({ model: newModel() });
    for await (const _ of generation.track(numbers(3))) {
      generation.update({ finishReasons: ['stop'] });
      break;
    }
    expect(generation.outcome).toBe('completed');
  });

  it('is an abort when the consumer throws in its loop, and the error stays the same', async () => {
    const generation = startGeneration({ model: newModel() });
    const error = new Error('consumer');
    const loop = async () => {
      for await (const _ of generation.track(numbers(3))) throw error;
    };
    await expect(loop()).rejects.toBe(error);
    expect(generation.outcome).toBe('aborted');
  });

  it('hands an error of the source on unchanged and records its type', async () => {
    const model = newModel();
    const generation = startGeneration({ model });
    const error = new RangeError('source');
    async function* source() {
      yield 1;
      throw error;
    }
    await expect(collect(generation.track(source()))).rejects.toBe(error);
    expect(total(METRIC.servingRequests, model, { [ATTR.errorType]: 'RangeError' })).toBe(1);
  });

  it('keeps the protocol: values into next, the value of return, throw', async () => {
    const seen: unknown[] = [];
    async function* source(): AsyncGenerator<number, string, unknown> {
      try {
        seen.push(yield 1);
        yield 2;
      } catch (error) {
        seen.push(error);
        yield 3;
      }
      return 'end';
    }
    const generation = startGeneration({ model: newModel() });
    const tracked = generation.track(source()) as AsyncIterator<number, string, unknown>;
    expect(await tracked.next()).toEqual({ value: 1, done: false });
    expect(await tracked.next('into')).toEqual({ value: 2, done: false });
    expect(await tracked.throw?.('thrown')).toEqual({ value: 3, done: false });
    expect(generation.ended).toBe(false);
    expect(await tracked.next()).toEqual({ value: 'end', done: true });
    expect(await tracked.return?.('late')).toEqual({ value: 'late', done: true });
    expect(seen).toEqual(['into', 'thrown']);
    expect(generation.outcome).toBe('completed');
  });

  it('works for a source without return and throw', async () => {
    const bare = (): AsyncIterable<number> => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ value: 1, done: false }) }),
    });
    const broken = startGeneration({ model: newModel() });
    for await (const _ of broken.track(bare())) break;
    expect(broken.outcome).toBe('aborted');
    const thrown = startGeneration({ model: newModel() });
    const error = new Error('into');
    await expect(thrown.track(bare()).throw?.(error)).rejects.toBe(error);
    expect(thrown.outcome).toBe('error');
  });

  it('does not ask the source for anything before the consumer asks', async () => {
    let asked = 0;
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ value: asked++, done: false }),
      }),
    };
    const tracked = startGeneration({ model: newModel() }).track(source);
    expect(asked).toBe(0);
    await tracked.next();
    expect(asked).toBe(1);
  });

  it('understands the chunks of an OpenAI client: role-only deltas, usage, finish reasons', async () => {
    const model = newModel();
    const chunk = (delta: object, finish_reason: string | null = null) => ({
      id: 'c1',
      model: 'served',
      choices: [{ index: 0, delta, finish_reason }],
    });
    const chunks: unknown[] = [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'a' }),
      chunk({ reasoning_content: 'b' }),
      chunk({}, 'length'),
      { id: 'c1', model: 'served', choices: [], usage: { prompt_tokens: 5, completion_tokens: 3 } },
    ];
    const generation = startGeneration({ model, stream: true });
    expect(await collect(generation.track(Readable.from(chunks)))).toEqual(chunks);
    expect(generation.outcome).toBe('length');
    expect(total(METRIC.interChunkDuration, model)).toBe(1);
    expect(total(METRIC.servingTokens, model, { [ATTR.tokenType]: 'input' })).toBe(5);
    expect(total(METRIC.servingTokens, model, { [ATTR.tokenType]: 'output' })).toBe(3);
    const stopped = startGeneration({ model, stream: true });
    for await (const value of stopped.track(Readable.from(chunks)))
      if ((value as { choices: { finish_reason?: string }[] }).choices[0]?.finish_reason) break;
    expect(stopped.outcome).toBe('length');
  });

  it('survives a tokensOf that throws', async () => {
    const generation = startGeneration({ model: newModel() });
    const tracked = generation.track(numbers(3), () => {
      throw new Error('a bug of the user');
    });
    expect(await collect(tracked)).toEqual([0, 1, 2]);
    expect(generation.outcome).toBe('completed');
  });
});

describe('a tracked ReadableStream', () => {
  const values = <T>(...chunks: T[]): ReadableStream<T> => ReadableStream.from<T>(chunks);

  it('gives every chunk and ends the generation when it is done', async () => {
    const generation = startGeneration({ model: newModel() });
    const tracked = generation.track(values('a', '', 'b'));
    expect(await collect(tracked)).toEqual(['a', '', 'b']);
    expect(generation.outcome).toBe('completed');
  });

  it('passes cancel on with its reason, and is then an abort', async () => {
    let reason: unknown;
    const source = new ReadableStream<string>({
      pull(controller) {
        controller.enqueue('x');
      },
      cancel(given) {
        reason = given;
      },
    });
    const generation = startGeneration({ model: newModel() });
    const reader = generation.track(source).getReader();
    await reader.read();
    await reader.cancel('gone');
    expect(reason).toBe('gone');
    expect(generation.outcome).toBe('aborted');
  });

  it('hands an error of the source on unchanged', async () => {
    const error = new TypeError('source');
    const generation = startGeneration({ model: newModel() });
    const source = new ReadableStream<string>({
      pull() {
        throw error;
      },
    });
    await expect(generation.track(source).getReader().read()).rejects.toBe(error);
    expect(generation.outcome).toBe('error');
  });

  it('reads nothing ahead: the source is pulled as often as the consumer reads', async () => {
    let pulled = 0;
    const source = new ReadableStream<number>(
      {
        pull(controller) {
          controller.enqueue(pulled++);
        },
      },
      { highWaterMark: 0 },
    );
    const reader = startGeneration({ model: newModel() }).track(source).getReader();
    await Promise.resolve();
    expect(pulled).toBe(0);
    await reader.read();
    await reader.read();
    expect(pulled).toBe(2);
  });

  it('leaves a byte stream one: the consumer may bring its own buffer, or not, in turn', async () => {
    const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);
    let at = 0;
    const source = new ReadableStream({
      type: 'bytes',
      pull(controller) {
        const view = controller.byobRequest?.view;
        if (at === bytes.length) {
          controller.close();
          controller.byobRequest?.respond(0);
        } else if (view) {
          new Uint8Array(view.buffer, view.byteOffset, 1)[0] = bytes[at++] as number;
          controller.byobRequest?.respond(1);
        } else controller.enqueue(bytes.slice(at, ++at));
      },
    });
    const generation = startGeneration({ model: newModel() });
    const tracked = generation.track(source);
    const got: number[] = [];
    for (let turn = 0; ; turn++) {
      if (turn % 2 === 0) {
        const reader = tracked.getReader({ mode: 'byob' });
        const { done, value } = await reader.read(new Uint8Array(4));
        reader.releaseLock();
        if (value) got.push(...value);
        if (done) break;
      } else {
        const reader = tracked.getReader();
        const { done, value } = await reader.read();
        reader.releaseLock();
        if (value) got.push(...value);
        if (done) break;
      }
    }
    expect(got).toEqual([...bytes]);
    expect(generation.outcome).toBe('completed');
  });

  it('is the body of a Response like the original', async () => {
    const generation = startGeneration({ model: newModel() });
    const body = new Response('hello').body as ReadableStream<Uint8Array<ArrayBuffer>>;
    expect(await new Response(generation.track(body)).text()).toBe('hello');
    expect(generation.outcome).toBe('completed');
  });

  it('gives back a stream that somebody reads already', () => {
    const source = values(1);
    source.getReader();
    const generation = startGeneration({ model: newModel() });
    expect(generation.track(source)).toBe(source);
    generation.abort();
  });

  it('changes no chunk, whatever the chunks are', async () => {
    await assert(
      asyncProperty(array(uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 }), async (chunks) => {
        const expected = Buffer.concat(chunks);
        const plain = startGeneration({ model: 'property' });
        const viaValues = await collect(plain.track(values(...chunks)));
        expect(viaValues).toEqual(chunks);
        const bytes = startGeneration({ model: 'property' });
        const body = new Blob(chunks).stream();
        expect(Buffer.from(await new Response(bytes.track(body)).arrayBuffer())).toEqual(expected);
        expect([plain.outcome, bytes.outcome]).toEqual(['completed', 'completed']);
      }),
      { numRuns: 50 },
    );
  });
});
