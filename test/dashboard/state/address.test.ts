import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Address,
  choicesWith,
  DEFAULTS,
  formatAddress,
  LATENCIES,
  MAX_RUNS,
  parseAddress,
  REFRESHES,
  toggleRun,
  VIEWS,
  windowLength,
  WINDOWS,
  windowText,
  withSettings,
} from '../../../src/dashboard/page/state/address.ts';

const range = fc
  .tuple(fc.integer({ min: -1000, max: 2e12 }), fc.integer({ min: 1, max: 1e9 }))
  .map(([from, length]): [number, number] => [from, from + length]);
const address: fc.Arbitrary<Address> = fc.record({
  view: fc.constantFrom(...VIEWS),
  window: fc.oneof(
    fc.constantFrom<string>(...WINDOWS),
    fc.integer({ min: 1, max: 366 * 24 * 60 }).map((minutes) => windowText(minutes * 60_000)),
  ),
  refresh: fc.oneof(fc.constantFrom<number>(...REFRESHES), fc.integer({ min: 1, max: 60 })),
  paused: fc.boolean(),
  runs: fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: MAX_RUNS }),
  x: fc.constantFrom('step', 'time', 'relative'),
  y: fc.constantFrom('linear', 'log'),
  smooth: fc.integer({ min: 0, max: 999 }).map((n) => n / 1000),
  zoom: fc.option(range),
  range: fc.option(range),
  latency: fc.constantFrom(...LATENCIES),
  search: fc.string(),
  trace: fc.string(),
  theme: fc.constantFrom('auto', 'light', 'dark'),
});

describe('the address of a view', () => {
  it('holds all of it', () => {
    fc.assert(
      fc.property(address, (before) => {
        expect(parseAddress(formatAddress(before))).toEqual(before);
      }),
    );
  });

  it('leaves out what the settings of the hub make the default, and says what differs', () => {
    const settings = { dashboard: { refreshInterval: 15, timeWindow: 43_200_000, autoRefresh: false } };
    const defaults = withSettings(settings);
    expect(defaults).toMatchObject({ window: '12h', refresh: 15, paused: true });
    expect(formatAddress(defaults, defaults)).toBe('');
    expect(parseAddress('', defaults)).toEqual(defaults);
    const live = { ...defaults, paused: false, window: '1h', refresh: 5 };
    expect(formatAddress(live, defaults)).toBe('?window=1h&refresh=5&paused=0');
    fc.assert(
      fc.property(address, (before) => {
        expect(parseAddress(formatAddress(before, defaults), defaults)).toEqual(before);
      }),
    );
  });

  it('names a window by one text, and offers the present one among the usual', () => {
    expect(['24h', '1d', '1440m', '90m', '2d'].map((text) => windowText(windowLength(text)))).toEqual([
      '24h',
      '24h',
      '24h',
      '90m',
      '2d',
    ]);
    expect(choicesWith<string>(WINDOWS, '12h', windowLength)).toEqual(['1h', '6h', '12h', '24h', '7d']);
    expect(choicesWith<string>(WINDOWS, '6h', windowLength)).toEqual([...WINDOWS]);
  });

  it('is empty for the default view', () => {
    expect(formatAddress(DEFAULTS)).toBe('');
    expect(parseAddress('')).toEqual(DEFAULTS);
  });

  it('reads window, refresh and runs as people write them', () => {
    expect(parseAddress('?view=runs&run=a&run=b&window=6h&refresh=30&paused=1')).toMatchObject({
      view: 'runs',
      runs: ['a', 'b'],
      window: '6h',
      refresh: 30,
      paused: true,
    });
  });

  it('falls back to the default for whatever it does not understand', () => {
    const odd =
      '?view=x&window=10s&refresh=0&x=y&y=z&smooth=abc&zoom=5~1&range=1~2~3&latency=q&theme=neon&run=';
    expect(parseAddress(odd)).toEqual(DEFAULTS);
    expect(parseAddress('?smooth=7').smooth).toBe(0.999);
    expect(parseAddress('?zoom=~').zoom).toBeNull();
  });
});

describe('the selection of runs', () => {
  it('takes a run in and out', () => {
    expect(toggleRun(['a'], 'b')).toEqual(['a', 'b']);
    expect(toggleRun(['a', 'b'], 'a')).toEqual(['b']);
  });

  it('stops at the number of lines that can be told apart', () => {
    const full = Array.from({ length: MAX_RUNS }, (_, i) => `r${i}`);
    expect(toggleRun(full, 'one more')).toEqual(full);
    expect(toggleRun(full, 'r0')).toHaveLength(MAX_RUNS - 1);
  });
});
