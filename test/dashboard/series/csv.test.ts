import { describe, expect, it } from 'vitest';
import { csvField, toCsv } from '../../../src/dashboard/page/series/csv.ts';

describe('a CSV download', () => {
  it('quotes what must be quoted, and ends its lines as RFC 4180 asks', () => {
    expect(
      toCsv(
        ['step', 'a,b'],
        [
          [1, 'x"y'],
          [2, null],
        ],
      ),
    ).toBe('step,"a,b"\r\n1,"x""y"\r\n2,\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@x', '\tx'])('never lets a text be a formula: %j', (text) => {
    expect(csvField(text).replace(/^"/, '')).toMatch(/^'/);
  });

  it('leaves numbers numbers, negative ones too', () => {
    expect(csvField(-1.5)).toBe('-1.5');
    expect(csvField(Number.NaN)).toBe('NaN');
  });
});
