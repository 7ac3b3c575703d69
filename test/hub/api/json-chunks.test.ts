import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonChunks, toJson } from '../../../src/hub/api/json-chunks.ts';

describe('JSON of the API', () => {
  it('is what JSON.stringify writes, for what JSON can say', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(toJson(value))).toEqual(value);
      }),
    );
  });

  it('writes numbers that JSON lacks as texts, and keeps the sign of zero', () => {
    expect(toJson([1, Number.NaN, Infinity, -Infinity, -0, 2n ** 60n])).toBe(
      '[1,"NaN","Infinity","-Infinity",-0,1152921504606846976]',
    );
    expect(toJson(Float64Array.of(0.5, Number.NaN))).toBe('[0.5,"NaN"]');
    expect(toJson([1.5, -0])).toBe('[1.5,-0]');
    expect(toJson({ a: undefined, b: [undefined], c: null })).toBe('{"b":[null],"c":null}');
  });

  it('escapes keys and texts', () => {
    const hostile = { 'a"\n</script>': '\u2028"\\' };
    expect(JSON.parse(toJson(hostile))).toEqual(hostile);
  });

  it('comes in pieces of bounded size', () => {
    const value = {
      value: Float64Array.from({ length: 100_000 }, (_, i) => i / 3),
      list: Array.from({ length: 20_000 }, (_, i) => ({ i })),
    };
    const pieces = [...jsonChunks(value)];
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(300_000);
    expect(pieces.length).toBeGreaterThan(5);
    const read = JSON.parse(pieces.join('')) as { value: number[]; list: unknown[] };
    expect(read.value).toEqual([...value.value]);
    expect(read.list).toEqual(value.list);
  });
});
