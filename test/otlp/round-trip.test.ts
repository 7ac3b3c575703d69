import assert from 'node:assert';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OtlpRequest } from '../../src/otlp/index.ts';
import {
  decodeAttributes,
  decodeRequest,
  encodeAttributes,
  encodeRequest,
  millisecondsOf,
  nanosecondsOf,
  readJsonLines,
  toJson,
} from '../../src/otlp/index.ts';
import { anyRequest, attributes } from './requests.ts';

/** Compares whatever shape the objects' prototypes have: maps of the model have none. */
function same(actual: unknown, expected: unknown): void {
  assert.deepStrictEqual(plain(actual), plain(expected));
}
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
const jsonBytes = (request: OtlpRequest): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(toJson(request)));

describe('a request', () => {
  it('comes back from protobuf as it was', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        same(decodeRequest(request.signal, 'application/x-protobuf', encodeRequest(request)), request);
      }),
    );
  });

  it('comes back from JSON as it was, raw attribute bytes included', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        same(decodeRequest(request.signal, 'application/json', jsonBytes(request)), request);
      }),
    );
  });

  it('comes back from JSON lines, and a torn last line is left for later', () => {
    fc.assert(
      fc.property(fc.array(anyRequest, { minLength: 1, maxLength: 3 }), fc.nat(), (requests, cut) => {
        // An empty request has no key that tells its signal.
        const told = requests.filter((request) => Object.keys(toJson(request)).length > 0);
        const lines = told.map((request) => Buffer.concat([jsonBytes(request), Buffer.from('\n')]));
        const whole = Buffer.concat(lines);
        same(readJsonLines(whole), { requests: told, bytesRead: whole.length, torn: false });
        const last = lines.at(-1);
        if (last === undefined) return;
        // At least one byte of the object is missing.
        const missing = 2 + (cut % (last.length - 2));
        const torn = readJsonLines(whole.subarray(0, whole.length - missing));
        same(torn.requests, told.slice(0, -1));
        expect(torn.bytesRead).toBe(whole.length - last.length);
      }),
      { numRuns: 50 },
    );
  });
});

describe('attributes', () => {
  it('come back from their wire bytes, whatever tag their point has', () => {
    fc.assert(
      fc.property(attributes, fc.constantFrom(1, 7, 9, 300), (set, field) => {
        same(decodeAttributes(encodeAttributes(set, field)), set);
      }),
    );
  });
});

describe('time', () => {
  it('keeps whole milliseconds whole and is within half a microsecond otherwise', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n }), (ns) => {
        const halves = (value: bigint): [number, number] => [
          Number(value >> 32n),
          Number(value & 0xffff_ffffn),
        ];
        const whole = ns - (ns % 1_000_000n);
        expect(millisecondsOf(...halves(whole))).toBe(Number(whole / 1_000_000n));
        const ms = millisecondsOf(...halves(ns));
        const back = nanosecondsOf(ms);
        const off = back > ns ? back - ns : ns - back;
        expect(off < 1000n).toBe(true);
        expect(millisecondsOf(...halves(back))).toBe(ms);
      }),
    );
  });
});
