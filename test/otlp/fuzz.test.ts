import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OtlpRequest } from '../../src/otlp/index.ts';
import {
  decodeAttributes,
  decodeRequest,
  encodeRequest,
  OtlpDecodeError,
  readJsonLines,
  toJson,
} from '../../src/otlp/index.ts';
import { anyRequest } from './requests.ts';

/** Bytes of a request, damaged: flipped, overwritten, cut, doubled. */
const damage = fc.array(
  fc.record({
    kind: fc.constantFrom('flip', 'set', 'cut', 'insert', 'double'),
    at: fc.nat(),
    byte: fc.nat(255),
  }),
  { minLength: 1, maxLength: 6 },
);
type Damage = { kind: string; at: number; byte: number };

function damaged(bytes: Uint8Array, steps: readonly Damage[]): Uint8Array {
  let result = Buffer.from(bytes);
  for (const { kind, at, byte } of steps) {
    if (result.length === 0) return result;
    const index = at % result.length;
    if (kind === 'flip') result[index] = (result[index] as number) ^ (1 << (byte & 7));
    else if (kind === 'set') result[index] = byte;
    else if (kind === 'cut') result = result.subarray(0, index);
    else if (kind === 'insert') {
      result = Buffer.concat([result.subarray(0, index), Buffer.from([byte]), result.subarray(index)]);
    } else result = Buffer.concat([result, result.subarray(index)]);
  }
  return result;
}

/** Decodes; only the decoder's own error may come out. What decodes must be usable: its attributes decode too. */
function survive(
  request: OtlpRequest['signal'],
  type: Parameters<typeof decodeRequest>[1],
  bytes: Uint8Array,
): void {
  try {
    const decoded = decodeRequest(request, type, bytes);
    encodeRequest(decoded);
    if (decoded.signal !== 'metrics') return;
    for (const { scopeMetrics } of decoded.resourceMetrics) {
      for (const { metrics } of scopeMetrics) {
        for (const { points } of metrics) for (const point of points) decodeAttributes(point.attributes);
      }
    }
  } catch (error) {
    if (!(error instanceof OtlpDecodeError)) throw error;
  }
}

describe('a damaged request', () => {
  it('gives a request or an OtlpDecodeError from protobuf', () => {
    fc.assert(
      fc.property(anyRequest, damage, (request, steps) => {
        survive(request.signal, 'application/x-protobuf', damaged(encodeRequest(request), steps));
      }),
      { numRuns: 1500 },
    );
  });

  it('gives a request or an OtlpDecodeError from JSON', () => {
    fc.assert(
      fc.property(anyRequest, damage, (request, steps) => {
        const bytes = damaged(Buffer.from(JSON.stringify(toJson(request))), steps);
        survive(request.signal, 'application/json', bytes);
        try {
          readJsonLines(bytes);
        } catch (error) {
          if (!(error instanceof OtlpDecodeError)) throw error;
        }
      }),
      { numRuns: 700 },
    );
  });

  it('gives an OtlpDecodeError for any other JSON value in place of a part', () => {
    fc.assert(
      fc.property(anyRequest, fc.nat(), fc.jsonValue({ maxDepth: 2 }), (request, which, other) => {
        const json = JSON.stringify(toJson(request));
        const parts = json.split(/(?<=[:[,])/);
        parts[which % parts.length] = `${JSON.stringify(other)},`;
        survive(request.signal, 'application/json', Buffer.from(parts.join('')));
        const tree = toJson(request) as Record<string, unknown>;
        replaceLeaf(tree, which, other);
        survive(request.signal, 'application/json', Buffer.from(JSON.stringify(tree)));
      }),
      { numRuns: 700 },
    );
  });

  it('never holds more memory than its bytes call for', () => {
    // Lengths of 4 GiB in every place where a length can stand.
    const huge = Buffer.from('ffffffff0f', 'hex');
    for (const tag of [0x0a, 0x12, 0x1a, 0x2a, 0x3a, 0x4a]) {
      const bytes = Buffer.concat([Buffer.from([tag]), huge]);
      for (const signal of ['metrics', 'traces', 'logs'] as const) {
        if (tag === 0x0a)
          expect(() => decodeRequest(signal, 'application/x-protobuf', bytes)).toThrow(OtlpDecodeError);
        else survive(signal, 'application/x-protobuf', bytes);
      }
      expect(() => decodeAttributes(bytes)).toThrow(OtlpDecodeError);
    }
  });
});

/** Puts a value in place of the n-th object or array member, depth first. */
function replaceLeaf(tree: Record<string, unknown>, n: number, value: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const walk = (node: Record<string, unknown>): void => {
    for (const key of Object.keys(node)) {
      places.push([node, key]);
      const inner = node[key];
      if (typeof inner === 'object' && inner !== null) walk(inner as Record<string, unknown>);
    }
  };
  walk(tree);
  const place = places[n % Math.max(1, places.length)];
  if (place !== undefined) place[0][place[1]] = value;
}
