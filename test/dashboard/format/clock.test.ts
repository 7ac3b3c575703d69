import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatClock,
  formatDuration,
  formatElapsed,
} from '../../../src/dashboard/page/format/clock.ts';

describe('a length of time', () => {
  it.each([
    [850, '850 ms'],
    [4200, '4.2 s'],
    [43_000, '43 s'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 05 min'],
    [273_600_000, '3 d 4 h'],
    [-1, '—'],
  ])('of %d ms reads %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    [43_000, '0:43'],
    [2_508_000, '41:48'],
    [3_723_000, '1:02:03'],
    [273_600_000, '3 d 4 h'],
  ])('of %d ms stands in a column as %s', (ms, text) => {
    expect(formatClock(ms)).toBe(text);
  });
});

describe('an age', () => {
  it.each([
    [-500, 'just now'],
    [43_200, '43 s ago'],
    [300_000, '5 min ago'],
    [10_800_000, '3 h ago'],
    [259_200_000, '3 d ago'],
  ])('of %d ms reads %s', (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });
});

describe('a tick of relative time', () => {
  it.each([
    [0.25, 0.25, '0.25 s'],
    [30, 10, '30 s'],
    [90, 30, '1:30'],
    [600, 300, '10 min'],
    [7200, 3600, '2 h'],
    [5400, 1800, '1:30 h'],
    [864_000, 432_000, '10 d'],
  ])('at %d s, %d s apart, reads %s', (seconds, step, text) => {
    expect(formatElapsed(seconds, step)).toBe(text);
  });
});
