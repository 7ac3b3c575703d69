import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readColumn, writeColumn } from '../../../src/hub/store/chunks/columns.ts';
import { ChunkReader, ChunkWriter } from '../../../src/hub/store/chunks/compression.ts';
import {
  decodeNumberChunk,
  encodeNumberChunk,
  encodeTimes,
} from '../../../src/hub/store/chunks/number-chunk.ts';

function throughChunk(values: readonly number[]): number[] {
  const writer = new ChunkWriter();
  writer.begin();
  writeColumn(writer, Float64Array.from(values));
  // A second column behind: the first must take exactly its own bytes.
  writeColumn(writer, Float64Array.from([42, 43]));
  const reader = new ChunkReader(writer.end());
  const column = [...readColumn(reader, values.length)];
  expect([...readColumn(reader, 2)]).toEqual([42, 43]);
  return column;
}

const anyDoubles = fc.array(fc.oneof(fc.double(), fc.constantFrom(NaN, -0, 0, Infinity, -Infinity)), {
  maxLength: 400,
});
const integers = fc.array(fc.integer({ min: -1e6, max: 1e6 }), { maxLength: 400 });
const largeIntegers = fc.array(fc.maxSafeInteger(), { maxLength: 400 });
const decimals = fc.array(
  fc.integer({ min: -1e7, max: 1e7 }).map((n) => n / 1000),
  { maxLength: 400 },
);
const times = fc.array(fc.integer({ min: -8000, max: 8_000_000 }), { maxLength: 400 }).map((ticks) => {
  let ticksNow = 1_760_000_000_000 * 4096;
  return ticks.map((tick) => (ticksNow += tick) / 4096);
});

test('a column gives back every double as it went in, the sign of zero and NaN too', () => {
  fc.assert(
    fc.property(fc.oneof(anyDoubles, integers, largeIntegers, decimals, times), (values) => {
      const back = throughChunk(values);
      expect(back.length).toBe(values.length);
      for (const [i, value] of values.entries()) expect(Object.is(back[i], value)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('a chunk with shared times gives back the same points as one with its own', () => {
  fc.assert(
    fc.property(
      times,
      fc.array(fc.double(), { minLength: 400, maxLength: 400 }),
      fc.boolean(),
      (t, v, delta) => {
        fc.pre(t.length > 0);
        const time = Float64Array.from(t);
        const columns = {
          time,
          start: time.map((_, i) => (delta ? (i === 0 ? 7 : time[i - 1]!) : 1_760_000_000_000)),
          value: Float64Array.from(v.slice(0, t.length)),
        };
        expect(decodeNumberChunk(encodeNumberChunk(columns), t.length, null)).toEqual(columns);
        expect(decodeNumberChunk(encodeNumberChunk(columns, true), t.length, encodeTimes(time))).toEqual(
          columns,
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('a regular clock and a constant take a few bytes for a thousand points', () => {
  const time = Float64Array.from({ length: 1000 }, (_, i) => 1_760_000_000_000 + i * 1000);
  const chunk = encodeNumberChunk({
    time,
    start: new Float64Array(1000),
    value: new Float64Array(1000).fill(5),
  });
  expect(chunk.length).toBeLessThan(80);
});

test('a damaged chunk is an error, not wrong points', () => {
  const time = Float64Array.from({ length: 300 }, (_, i) => i * i);
  const chunk = encodeNumberChunk({ time, start: new Float64Array(300), value: time.map(Math.sin) });
  expect(() => decodeNumberChunk(chunk.subarray(0, chunk.length - 10), 300, null)).toThrow('Damaged chunk');
  chunk[0] = 99;
  expect(() => decodeNumberChunk(chunk, 300, null)).toThrow('unknown packing 99');
});
