import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../../src/conventions/catalogue.ts';
import type { RunSummary } from '../../../src/conventions/hub-api.ts';
import { chartGroups } from '../../../src/dashboard/page/series/chart-groups.ts';
import { orderRuns, searchRuns, tagText } from '../../../src/dashboard/page/series/run-order.ts';

const catalogue = new Map(CATALOGUE.map((entry) => [entry.key, entry]));
const run = (id: string, more: Partial<RunSummary> = {}): RunSummary => ({
  id,
  name: id,
  project: 'p',
  group: null,
  status: 'finished',
  startedAt: 0,
  updatedAt: 0,
  endedAt: null,
  attempt: 1,
  worldSize: 1,
  ranks: [0],
  lastStep: null,
  steps: 0,
  nonFinite: 0,
  tags: {},
  last: {},
  serviceName: 's',
  ...more,
});

describe('the list of runs', () => {
  it('has running runs first, then the newest', () => {
    const runs = [
      run('old', { startedAt: 1 }),
      run('new', { startedAt: 9 }),
      run('now', { status: 'running', startedAt: 5 }),
    ];
    expect(orderRuns(runs).map(({ id }) => id)).toEqual(['now', 'new', 'old']);
  });

  it('is searched by every word, in name, project, status and tags, in any case', () => {
    const runs = [
      run('Alpha', { tags: { lr: '3e-4' } }),
      run('beta', { status: 'failed', tags: { baseline: true } }),
    ];
    const found = (search: string): string[] => searchRuns(runs, search).map(({ id }) => id);
    expect(found('')).toEqual(['Alpha', 'beta']);
    expect(found('alpha 3e-4')).toEqual(['Alpha']);
    expect(found('FAILED base')).toEqual(['beta']);
    expect(found('alpha failed')).toEqual([]);
  });

  it('writes a tag that is only set as its name', () => {
    expect(tagText('baseline', true)).toBe('baseline');
    expect(tagText('lr', '3e-4')).toBe('lr=3e-4');
    expect(tagText('layers', 4)).toBe('layers=4');
  });
});

describe('the charts of a run', () => {
  it('put loss and learning rate first, training and validation into one', () => {
    const groups = chartGroups(
      ['my/own', 'train/grad_norm', 'val/loss', 'train/learning_rate', 'train/loss', 'val/accuracy'],
      catalogue,
    );
    expect(groups.map(({ keys }) => keys)).toEqual([
      ['train/loss', 'val/loss'],
      ['train/learning_rate'],
      ['train/grad_norm'],
      ['val/accuracy'],
      ['my/own'],
    ]);
    expect(groups.map(({ title }) => title)).toEqual([
      'Loss',
      'Learning rate',
      'Gradient norm',
      'Validation accuracy',
      'my/own',
    ]);
  });

  it('are there for every key once', () => {
    const keys = CATALOGUE.filter(({ source }) => source.from === 'run').map(({ key }) => key);
    const shown = chartGroups([...keys, ...keys, 'x'], catalogue).flatMap((group) => group.keys);
    expect([...shown].sort()).toEqual([...keys, 'x'].sort());
  });
});
