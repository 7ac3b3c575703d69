import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { liveGenerations } from '../../../src/serving/generation/live.ts';
import { configureServing, resetServingSettings } from '../../../src/serving/generation/settings.ts';
import { startGeneration } from '../../../src/serving/generation/start.ts';
import { newModel, total } from './recorded.ts';

describe('a generation that nobody ends', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    resetServingSettings({});
  });
  afterEach(() => {
    vi.advanceTimersByTime(3_600_000); // the shared timer finds nothing left, and is armed anew by the next test
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('is closed by the deadline, once, and counted as abandoned', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    configureServing({ maxGeneration: '2s' });
    const model = newModel();
    const before = liveGenerations();
    const first = startGeneration({ model });
    vi.advanceTimersByTime(1000);
    const second = startGeneration({ model });
    const ended = startGeneration({ model });
    ended.end();
    expect(liveGenerations()).toBe(before + 2);
    vi.advanceTimersByTime(1001);
    expect(first.outcome).toBe('error');
    expect(second.ended).toBe(false);
    vi.advanceTimersByTime(1001);
    expect(second.outcome).toBe('error');
    first.end();
    expect(total(METRIC.abandonedRequests, model)).toBe(2);
    expect(total(METRIC.servingRequests, model, { [ATTR.errorType]: 'abandoned' })).toBe(2);
    expect(total(METRIC.servingRequests, model)).toBe(3);
    expect(total(METRIC.activeRequests, model)).toBe(0);
    expect(liveGenerations()).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('uses one timer for all, which does not keep the process alive', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const set = vi.spyOn(globalThis, 'setTimeout');
    const generations = Array.from({ length: 100 }, () => startGeneration({ model: 'many' }));
    expect(set).toHaveBeenCalledTimes(1);
    expect((set.mock.results[0] as { value: NodeJS.Timeout }).value.hasRef()).toBe(false);
    for (const generation of generations) generation.end();
    set.mockRestore();
  });
});
