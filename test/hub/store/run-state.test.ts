import { describe, expect, it } from 'vitest';
import { addValue, newRun, rankOf, readRun, writeRun } from '../../../src/hub/store/runs/run-state.ts';

describe('the state of a run on the disk', () => {
  it('keeps -0 and non-finite values of its keys', () => {
    const run = newRun('r', 0);
    addValue(run, 'zero', 1, 10, -0);
    addValue(run, 'loss', 1, 10, Number.NaN);
    const read = readRun(writeRun(run));
    expect(read).toEqual(run);
    expect(Object.is(read.keys.get('zero')?.min?.value, -0)).toBe(true);
    expect(read.keys.get('loss')?.last.value).toBe('NaN');
  });

  it('takes the processes of a run that an earlier version wrote from its ranks', () => {
    const run = newRun('r', 0);
    rankOf(run, 0).instanceId = 'i1';
    rankOf(run, 1);
    const { processes: _, ...earlier } = JSON.parse(writeRun(run)) as Record<string, unknown>;
    expect(readRun(JSON.stringify(earlier)).processes).toEqual({ 'service.instance.id': ['i1'] });
  });
});
