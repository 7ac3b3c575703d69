import { assert, boolean, constant, dictionary, integer, json, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopLevelScanner } from '../../../src/serving/openai/top-level-scanner.ts';

function scan(text: string, size = text.length || 1) {
  const scanner = new TopLevelScanner();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size));
  return scanner.values;
}

describe('scanning a large body', () => {
  it('finds the scalars of the outermost object and nothing deeper', () => {
    const body = { model: 'm', messages: [{ model: 'no', n: 9 }], max_tokens: 5, stream: true, seed: null };
    expect(scan(JSON.stringify(body, undefined, 2))).toEqual({
      model: 'm',
      max_tokens: 5,
      stream: true,
      seed: null,
    });
  });
  it('is not misled by brackets, quotes and colons in strings', () => {
    const body = { a: '}{"model":"x"}', 'k"e:y': '\\"', model: 'm}' };
    expect(scan(JSON.stringify(body))).toEqual(body);
  });
  it('leaves long strings out', () => {
    expect(scan(JSON.stringify({ prompt: 'x'.repeat(5000), model: 'm' }))).toEqual({ model: 'm' });
  });
  it('gives what it found in a body that is cut off or broken', () => {
    expect(scan('{"model":"m","prompt":"abc')).toEqual({ model: 'm' });
    expect(scan('{"model":nope,"n":1}')).toEqual({ n: 1 });
    expect(scan(']]}}"')).toEqual({});
  });
  it('agrees with JSON.parse for every object, at any size of piece', () => {
    const scalar = oneof(string({ maxLength: 20 }), integer(), boolean(), constant(null));
    const value = oneof(
      scalar,
      json().map((text) => JSON.parse(text) as unknown),
    );
    const key = string({ maxLength: 8 }).filter((name) => name !== '__proto__');
    assert(
      property(dictionary(key, value), integer({ min: 1, max: 7 }), (body, size) => {
        const scalars = Object.entries(body).filter(
          ([, entry]) => (entry === null || typeof entry !== 'object') && JSON.stringify(entry).length < 500,
        );
        expect(scan(JSON.stringify(body), size)).toEqual(Object.fromEntries(scalars));
      }),
    );
  });
});
