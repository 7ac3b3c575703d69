import { describe, expect, it } from 'vitest';
import { RequestBody } from '../../../src/serving/openai/request-body.ts';
import { readRequest } from '../../../src/serving/openai/request-facts.ts';

const known = (facts: object) =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));

describe('a request', () => {
  it('of Chat Completions says model, limits, sampling and the length of its prompt', () => {
    const facts = readRequest({
      model: 'm',
      stream: true,
      max_completion_tokens: 7,
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      seed: 1,
      n: 2,
      stop: ['a', 'b'],
      messages: [
        { role: 'system', content: 'four' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'five5' },
            { type: 'image_url', image_url: { url: 'data:…' } },
          ],
        },
      ],
    });
    expect(known(facts)).toEqual({
      model: 'm',
      stream: true,
      maxTokens: 7,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      seed: 1,
      choiceCount: 2,
      stopSequences: ['a', 'b'],
      promptLength: 9,
    });
  });
  it('of Completions may hold several prompts', () => {
    expect(readRequest({ prompt: ['abc', 'de'], max_tokens: 3, stop: 'x' })).toMatchObject({
      promptLength: 5,
      maxTokens: 3,
      stopSequences: ['x'],
    });
  });
  it('of Responses may hold instructions and items', () => {
    const input = [{ role: 'user', content: [{ type: 'input_text', text: 'abcd' }] }];
    expect(readRequest({ input, instructions: 'ef', max_output_tokens: 3 })).toMatchObject({
      promptLength: 6,
      maxTokens: 3,
    });
  });
  it('that is no object says nothing, and wrong types are left out', () => {
    for (const body of [undefined, null, 'x', 3, []]) expect(known(readRequest(body))).toEqual({});
    expect(known(readRequest({ model: 7, stream: 'yes', temperature: '1', max_tokens: null }))).toEqual({});
  });
});

describe('a request body', () => {
  it('is read whole when it is small, at any size of piece', () => {
    const body = new RequestBody();
    for (const byte of Buffer.from('{"model":"modèle","n":2}')) body.push(Uint8Array.of(byte));
    expect(body.read().facts).toMatchObject({ model: 'modèle', choiceCount: 2 });
  });
  it('is scanned for its parameters when it is large', () => {
    const body = new RequestBody();
    const image = 'A'.repeat(3 * 1024 * 1024);
    const bytes = Buffer.from(JSON.stringify({ model: 'm', messages: [{ content: image }], max_tokens: 4 }));
    for (let at = 0; at < bytes.length; at += 65_536) body.push(bytes.subarray(at, at + 65_536));
    const { facts, body: parsed } = body.read();
    expect(parsed).toBeUndefined();
    expect(known(facts)).toEqual({ model: 'm', maxTokens: 4 });
  });
  it('that is not JSON says nothing', () => {
    const body = new RequestBody();
    body.push(Buffer.from('model=m'));
    expect(known(body.read().facts)).toEqual({});
  });
});
