import { describe, expect, it } from 'vitest';
import { CATALOGUE, catalogueEntry } from '../../../src/conventions/catalogue.ts';
import {
  axisLabels,
  displayUnit,
  formatCount,
  formatNumber,
  formatQuantity,
} from '../../../src/dashboard/page/format/quantity.ts';

describe('a number', () => {
  it.each([
    [0, '0'],
    [1.3, '1.3'],
    [1.2345, '1.23'],
    [12.345, '12.3'],
    [1234.5, '1235'],
    [12_345, '12\u202f345'],
    [0.000_123_4, '0.000123'],
    [0.000_001_2, '1.2e−6'],
    [-2.5, '−2.5'],
    [1e20, '1e+20'],
  ])('%d is written %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it('keeps its zeros where figures stand below each other', () => {
    expect(formatNumber(1.3, true)).toBe('1.300');
    expect(formatNumber(0.0003, true)).toBe('0.0003');
  });

  it.each([
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '∞'],
    [Number.NEGATIVE_INFINITY, '−∞'],
  ])('that is not finite is said: %d', (value, text) => {
    expect(formatNumber(value)).toBe(text);
    expect(formatQuantity(value, 's')).toBe(text);
  });

  it('of a count has no decimals', () => {
    expect(formatCount(1_000_000)).toBe('1\u202f000\u202f000');
    expect(formatCount(9999)).toBe('9999');
  });
});

describe('a quantity', () => {
  it.each([
    [0.0843, 's', '84.3 ms'],
    [0.000_05, 's', '50 µs'],
    [1.5, 's', '1.5 s'],
    [600, 's', '10 min'],
    [0, 's', '0 s'],
    [420, 'ms', '420 ms'],
    [3.2e9, 'By', '2.98 GiB'],
    [0, 'By', '0 B'],
    [2048, 'By/s', '2 KiB/s'],
    [0.021, 'share', '2.1 %'],
    [43.2, '%', '43.2 %'],
    [8531, '{token}/s', '8531 tok/s'],
    [921_600, '{token}', '922k tok'],
    [7, '{step}', '7 step'],
    [1.25, '1', '1.25'],
  ])('%d %s reads %s', (value, unit, text) => {
    expect(formatQuantity(value, unit)).toBe(text);
  });
});

describe('ticks of an axis', () => {
  it('share one prefix, that of the largest', () => {
    expect(axisLabels([0, 0.05, 0.1, 0.15], 's')).toEqual(['0 ms', '50 ms', '100 ms', '150 ms']);
    expect(axisLabels([0, 1_048_576, 2_097_152], 'By/s')).toEqual(['0 MiB/s', '1 MiB/s', '2 MiB/s']);
  });

  it('have as many decimals as tell them apart', () => {
    expect(axisLabels([1, 1.25, 1.5, 1.75], '1')).toEqual(['1', '1.25', '1.5', '1.75']);
    expect(axisLabels([0, 0.0001, 0.0002], '1')).toEqual(['0', '0.0001', '0.0002']);
  });

  it('write thousands at the number', () => {
    expect(axisLabels([0, 250_000, 500_000], '{token}')).toEqual(['0 tok', '250k tok', '500k tok']);
  });

  it('go over to exponents where decimals would not end', () => {
    expect(axisLabels([1e-7, 2e-7], '1')).toEqual(['1e−7', '2e−7']);
  });
});

describe('the unit to display', () => {
  it('of a ratio or a utilization is a share', () => {
    const shares = CATALOGUE.filter((entry) => displayUnit(entry) === 'share').map((entry) => entry.key);
    expect(shares).toContain('api/error_rate');
    expect(shares).toContain('gpu_{index}/memory_utilization');
    expect(shares).not.toContain('train/loss');
  });

  it('of anything else is the catalogue’s', () => {
    const entry = catalogueEntry('train/tokens_per_second');
    expect(entry && displayUnit(entry)).toBe('{token}/s');
  });

  it('writes what is counted without digits behind the point', () => {
    expect(formatQuantity(3, '{process}', true)).toBe('3');
    expect(formatQuantity(512, '{token}', true)).toBe('512 tok');
    expect(formatQuantity(12_345, '{token}', true)).toMatch(/^12\.3\dk tok$/);
    expect(formatQuantity(2.5, '{token}', true)).toBe('2.500 tok');
  });
});
