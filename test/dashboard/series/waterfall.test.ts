import { describe, expect, it } from 'vitest';
import type { SpanInfo } from '../../../src/conventions/hub-api.ts';
import { waterfall } from '../../../src/dashboard/page/series/waterfall.ts';

const span = (
  spanId: string,
  parentSpanId: string | null,
  startTime: number,
  durationMs: number,
): SpanInfo => ({
  traceId: 't',
  spanId,
  parentSpanId,
  name: spanId,
  kind: 'internal',
  startTime,
  durationMs,
  status: 'unset',
  statusMessage: '',
  serviceName: 's',
  attributes: {},
  resource: {},
  scope: '',
  events: [],
  links: [],
});
const shape = (spans: SpanInfo[]) => waterfall(spans).map(({ span: { spanId }, depth }) => [spanId, depth]);

describe('the spans of a trace', () => {
  it('stand below their parents, in order of their start', () => {
    const spans = [
      span('late', 'root', 50, 10),
      span('root', null, 0, 100),
      span('deep', 'early', 12, 5),
      span('early', 'root', 10, 20),
    ];
    expect(shape(spans)).toEqual([
      ['root', 0],
      ['early', 1],
      ['deep', 2],
      ['late', 1],
    ]);
  });

  it('are placed by their share of the whole', () => {
    const [, child] = waterfall([span('root', null, 1000, 200), span('child', 'root', 1050, 100)]);
    expect(child).toMatchObject({ left: 0.25, width: 0.5 });
  });

  it('whose parent is elsewhere stand at the root', () => {
    expect(shape([span('a', 'unknown', 0, 1)])).toEqual([['a', 0]]);
  });

  it('of no length, or none at all, do no harm', () => {
    expect(waterfall([])).toEqual([]);
    expect(waterfall([span('a', null, 5, 0)])[0]).toMatchObject({ left: 0, width: 0 });
  });
});
