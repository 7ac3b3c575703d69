import { describe, expect, it } from 'vitest';
import { EndpointHealth } from '../../../src/telemetry/delivery/endpoint-health.ts';

function setUp() {
  const lines: string[] = [];
  const state = { now: Date.UTC(2026, 0, 1, 12, 0, 0), lost: 5 };
  const health = new EndpointHealth({
    name: 'http://hub',
    lost: () => state.lost,
    log: (line) => lines.push(line),
    now: () => state.now,
  });
  return { lines, state, health };
}

describe('EndpointHealth', () => {
  it('says once that the receiver is gone, however many exports fail', () => {
    const { lines, state, health } = setUp();
    for (let i = 0; i < 50; i++) {
      health.failed('traces', 'http://hub cannot be reached');
      state.now += 1000;
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('http://hub cannot be reached');
  });

  it('repeats it each minute with since when, and how much was lost meanwhile', () => {
    const { lines, state, health } = setUp();
    health.failed('traces', 'gone');
    state.now += 60_000;
    state.lost += 12;
    health.failed('traces', 'gone');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('since 12:00:00Z (60 s), 12 items lost');
  });

  it('says when the receiver is back, and nothing while it was never away', () => {
    const { lines, state, health } = setUp();
    health.succeeded('traces');
    expect(lines).toEqual([]);
    health.failed('traces', 'gone');
    state.now += 35_000;
    health.succeeded('traces');
    health.succeeded('traces');
    expect(lines.slice(1)).toEqual(['http://hub answers again after 35 s, nothing lost']);
  });

  it('takes the failures of several signals for one outage, over when each has got through', () => {
    const { lines, health } = setUp();
    health.failed('traces', 'gone');
    health.failed('metrics', 'gone');
    health.succeeded('metrics');
    health.failed('traces', 'gone');
    health.succeeded('metrics');
    expect(lines).toHaveLength(1);
    health.succeeded('traces');
    expect(lines).toHaveLength(2);
  });

  it('speaks of refusals once a minute, with their number', () => {
    const { lines, state, health } = setUp();
    for (let i = 0; i < 3; i++) health.refused('bad request');
    state.now += 60_000;
    health.refused('bad request');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('3 times');
  });
});
