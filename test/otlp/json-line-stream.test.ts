import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinePiece, readLinePieces } from '../../src/otlp/json-line-stream.ts';
import {
  halveJsonRequest,
  type JsonRequest,
  joinJsonRequests,
  jsonRequest,
} from '../../src/otlp/json-request.ts';

async function pieces(chunks: readonly Uint8Array[], maxLineBytes?: number): Promise<LinePiece[]> {
  async function* stream() {
    yield* chunks;
  }
  const all: LinePiece[] = [];
  for await (const piece of readLinePieces(stream(), maxLineBytes)) all.push(piece);
  return all;
}
const shown = (all: readonly LinePiece[]) =>
  all.map((piece) =>
    piece.kind === 'request'
      ? [piece.line, piece.request.signal, Buffer.from(piece.request.bytes).toString()]
      : [piece.line, piece.kind, piece.bytes],
  );
const span = (name: string) =>
  `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":${JSON.stringify(name)}}]}]}]}`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const request = (text: string): JsonRequest => jsonRequest(bytes(text)) as JsonRequest;

describe('lines of the file exporter', () => {
  it('are the same however the stream is cut', async () => {
    const text = `${span('ä\n{"resourceSpans":[')}\n\n${span('b').slice(0, 20)}${span('c')}\r\n${span('d')}\nrest`;
    const whole = shown(await pieces([bytes(text)]));
    expect(whole.map(([line, kind]) => [line, kind])).toEqual([
      [1, 'traces'],
      [3, 'torn'],
      [3, 'traces'],
      [4, 'traces'],
      [5, 'unreadable'],
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: text.length })), async (cuts) => {
        const all = bytes(text);
        const edges = [0, ...cuts.toSorted((a, b) => a - b), all.length];
        const chunks = edges.slice(1).map((edge, i) => all.subarray(edges[i], edge));
        expect(shown(await pieces(chunks))).toEqual(whole);
      }),
    );
  });

  it('lose nothing that is whole when one is cut anywhere and the next follows in the same line', async () => {
    const [first, second] = [span('first ]} "quoted"'), span('second')];
    for (let cut = 1; cut < first.length; cut++) {
      const all = await pieces([bytes(`${first.slice(0, cut)}${second}\n`)]);
      expect(all.at(-1)).toMatchObject({ kind: 'request' });
      expect(all.length).toBe(2);
      // Before its key is whole nobody can tell that it was one.
      if (cut >= '{"resourceSpans":'.length) expect(all[0]).toMatchObject({ kind: 'torn' });
    }
  });

  it('that are too long are left out, and the next one is read', async () => {
    const all = await pieces([bytes(`${span('x'.repeat(200))}\n${span('y')}\n`)], 150);
    expect(all).toMatchObject([
      { kind: 'unreadable', line: 1 },
      { kind: 'request', line: 2 },
    ]);
  });
});

describe('requests as text', () => {
  it('are joined only when they have nothing beside their list', () => {
    const joined = joinJsonRequests([
      request(span('a')),
      request('{"resourceSpans":[]}'),
      request(span('b')),
    ]);
    expect(JSON.parse(Buffer.from(joined.bytes).toString())).toEqual({
      resourceSpans: [...JSON.parse(span('a')).resourceSpans, ...JSON.parse(span('b')).resourceSpans],
    });
    expect(joined.items).toBe(2);
    for (const text of [
      '{"resourceSpans":[],"x":[1]}',
      '{"x":1,"resourceSpans":[]}',
      ' {"resourceSpans":[]}',
    ])
      expect(request(text).joinable).toBe(false);
  });

  it('are halved item by item, each once and in order, under their own resource, scope and metric', () => {
    const point = fc.record({ asDouble: fc.constantFrom(-0, 1.5, 'NaN') });
    const metric = fc.record({
      name: fc.string(),
      sum: fc.record({ dataPoints: fc.array(point, { maxLength: 4 }) }),
    });
    const scope = fc.record({
      scope: fc.record({ name: fc.string() }),
      metrics: fc.array(metric, { maxLength: 3 }),
    });
    const resource = fc.record({ schemaUrl: fc.string(), scopeMetrics: fc.array(scope, { maxLength: 3 }) });
    type Body = {
      resourceMetrics: {
        schemaUrl: string;
        scopeMetrics: { scope: object; metrics: { name: string; sum: { dataPoints: object[] } }[] }[];
      }[];
    };
    const flat = (body: Body) =>
      body.resourceMetrics.flatMap(({ schemaUrl, scopeMetrics }) =>
        scopeMetrics.flatMap(({ scope, metrics }) =>
          metrics.flatMap(({ name, sum }) => sum.dataPoints.map((each) => [schemaUrl, scope, name, each])),
        ),
      );
    fc.assert(
      fc.property(fc.array(resource, { maxLength: 3 }), (resourceMetrics) => {
        const whole = request(
          JSON.stringify({ resourceMetrics }, (_, value: unknown) => (Object.is(value, -0) ? '-0' : value)),
        );
        const halves = halveJsonRequest(whole);
        if (whole.items < 2) {
          expect(halves).toBeUndefined();
          return;
        }
        const read = (part: JsonRequest) => flat(JSON.parse(Buffer.from(part.bytes).toString()) as Body);
        const [left, right] = halves as [JsonRequest, JsonRequest];
        expect(left.items + right.items).toBe(whole.items);
        expect(left.items).toBe(whole.items >> 1);
        expect([...read(left), ...read(right)]).toEqual(read(whole));
      }),
    );
  });
});
