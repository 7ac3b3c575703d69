import { isSpanContextValid, TraceFlags } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { PooledIdGenerator } from '../../../src/telemetry/sdk/id-generator.ts';

describe('ids', () => {
  it('are valid and never the same, over many refills of the pool', () => {
    const generator = new PooledIdGenerator();
    const traces = new Set<string>();
    const spans = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const [traceId, spanId] = [generator.generateTraceId(), generator.generateSpanId()];
      expect(isSpanContextValid({ traceId, spanId, traceFlags: TraceFlags.NONE })).toBe(true);
      traces.add(traceId);
      spans.add(spanId);
    }
    expect([traces.size, spans.size]).toEqual([2000, 2000]);
  });
});
