import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { array, assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canDecode, ReplyDecoder } from '../../../src/serving/openai/reply-decoder.ts';
import type { ReplyFacts } from '../../../src/serving/openai/reply-facts.ts';
import { ReplyReader } from '../../../src/serving/openai/reply-reader.ts';

const STREAM = [
  ': keep-alive\n\n',
  'data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
  'data: {"choices":[{"index":0,"delta":{"content":"Grüße 🌍"}}]}\n\n',
  'data: {"choices":[{"index":0,"delta":{"content":"!"}}]}\n\n',
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  'data: [DONE]\n\n',
].join('');

function reading(contentType: string | undefined) {
  const facts: ReplyFacts = { finishReasons: [], text: [] };
  const content: number[] = [];
  const reader = new ReplyReader({ contentType, facts, onContent: (at) => content.push(at) });
  return { facts, content, reader };
}
const sse = { id: 'c1', finishReasons: ['stop'], text: ['Grüße 🌍!'], done: true };

describe('a streamed reply', () => {
  it('is read the same at any cut of its bytes', () => {
    const bytes = Buffer.from(STREAM);
    assert(
      property(array(integer({ min: 1, max: bytes.length - 1 }), { maxLength: 40 }), (cuts) => {
        const { facts, content, reader } = reading('text/event-stream; charset=utf-8');
        const at = [...new Set(cuts)].sort((a, b) => a - b);
        [0, ...at].forEach((from, i) => reader.push(bytes.subarray(from, at[i]), from));
        reader.end();
        expect(facts).toMatchObject(sse);
        expect(content).toHaveLength(2);
      }),
    );
  });
  it('may mix strings and bytes', () => {
    const { facts, reader } = reading('text/event-stream');
    reader.push(STREAM.slice(0, 20), 0);
    reader.push(Buffer.from(STREAM.slice(20, 100)), 0);
    reader.push(STREAM.slice(100), 0);
    reader.end();
    expect(facts).toMatchObject(sse);
  });
  it('has its first content at the time of the piece that completed it', () => {
    const { content, reader } = reading('text/event-stream');
    for (const [i, byte] of [...Buffer.from(STREAM)].entries()) reader.push(Uint8Array.of(byte), i);
    const end = Buffer.from(STREAM.slice(0, STREAM.indexOf('🌍"}}]}\n\n') + '🌍"}}]}\n\n'.length)).length;
    expect(content[0]).toBe(end - 1);
  });
  it('is known by how it begins when its type does not say', () => {
    for (const type of [undefined, 'text/plain']) {
      const { facts, reader } = reading(type);
      for (const character of STREAM) reader.push(character, 0);
      reader.end();
      expect(facts).toMatchObject(sse);
    }
  });
  it('may come as lines of JSON', () => {
    const { facts, content, reader } = reading('application/x-ndjson');
    reader.push('{"message":{"content":"a"},"done":false}\n{"message":{"cont', 1);
    reader.push('ent":"b"},"done":false}\n{"done":true,"eval_count":2,"done_reason":"stop"}', 2);
    reader.end();
    expect(content).toEqual([1, 2]);
    expect(facts).toMatchObject({ outputTokens: 2, finishReasons: ['stop'] });
  });
});

describe('a reply in one piece', () => {
  it('has no first token, but usage and finish reason', () => {
    const { facts, content, reader } = reading('application/json');
    const body = JSON.stringify({
      choices: [{ message: { content: 'a' }, finish_reason: 'stop' }],
      usage: { completion_tokens: 1 },
    });
    for (const character of body) reader.push(character, 0);
    reader.end();
    expect(content).toEqual([]);
    expect(facts).toMatchObject({ outputTokens: 1, finishReasons: ['stop'] });
  });
  it('beyond the bound is left unread and counted', () => {
    const { facts, reader } = reading('application/json');
    for (let i = 0; i < 70; i++) reader.push(' '.repeat(65_536), 0);
    reader.push('{"model":"m"}', 0);
    reader.end();
    expect(reader.skipped).toBe(1);
    expect(facts.model).toBeUndefined();
  });
});

describe('a compressed reply', () => {
  const cases = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
  it.each(Object.entries(cases))('in %s is read from any pieces', async (encoding, compress) => {
    const { facts, content, reader } = reading('text/event-stream');
    const decoder = new ReplyDecoder(encoding, (chunk, at) => reader.push(chunk, at));
    const bytes = compress(Buffer.from(STREAM));
    for (let at = 0; at < bytes.length; at += 5) decoder.push(bytes.subarray(at, at + 5), at);
    await new Promise<void>((done) => decoder.end(done));
    reader.end();
    expect(facts).toMatchObject(sse);
    expect(content).toHaveLength(2);
  });
  it('that is not what it says ends quietly with what was read', async () => {
    const decoder = new ReplyDecoder('gzip', () => undefined);
    decoder.push(Buffer.from('not gzip at all'), 0);
    await new Promise<void>((done) => decoder.end(done));
    await new Promise<void>((done) => decoder.end(done));
  });
  it('that was cut off ends with what was read', async () => {
    const { content, reader } = reading('text/event-stream');
    const decoder = new ReplyDecoder('gzip', (chunk, at) => reader.push(chunk, at));
    const bytes = gzipSync(Buffer.from(STREAM));
    decoder.push(bytes.subarray(0, bytes.length - 12), 3);
    await new Promise<void>((done) => decoder.end(done));
    reader.end();
    expect(content.every((at) => at === 3)).toBe(true);
  });
  it('belongs to the time of its own piece even when one piece holds very much', async () => {
    const times = new Set<number>();
    const decoder = new ReplyDecoder('gzip', (_chunk, at) => times.add(at));
    decoder.push(gzipSync(Buffer.alloc(3_000_000)), 7);
    await new Promise<void>((done) => decoder.end(done));
    expect([...times]).toEqual([7]);
  });
  it('in an unknown encoding is not attempted', () => {
    expect(canDecode('gzip')).toBe(true);
    expect(canDecode('compress')).toBe(false);
    expect(canDecode('constructor')).toBe(false);
  });
});
