import { expect, it } from 'vitest';
import { hasLived, restartPause } from '../../../src/observers/gpu/restart-pause.ts';

it('the pause before a restart doubles, up to 60 times the first, and is short again after a long life', () => {
  expect([0, 1, 2, 5, 6, 100].map((ends) => restartPause(5000, ends) / 1000)).toEqual([
    5, 10, 20, 160, 300, 300,
  ]);
  expect([hasLived(5000, 299_000), hasLived(5000, 301_000)]).toEqual([false, true]);
});
