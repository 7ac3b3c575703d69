import { describe, expect, it } from 'vitest';
import { deltaWording } from '../../../src/dashboard/page/format/delta.ts';

describe('the wording of a change', () => {
  it('calls a falling loss better, in a word and not by colour only', () => {
    expect(deltaWording({ delta: -0.12, better: 'lower', value: 1.3 }, '1')).toEqual({
      symbol: '▼',
      amount: '0.12',
      word: 'better',
      tone: 'good',
    });
  });

  it('calls falling throughput worse', () => {
    const wording = deltaWording({ delta: -31, better: 'higher', value: 400 }, '{token}/s');
    expect(wording).toMatchObject({ symbol: '▼', amount: '31 tok/s', word: 'worse', tone: 'bad' });
  });

  it('counts the difference of percentages in points', () => {
    expect(deltaWording({ delta: 1.1, better: 'none', value: 43 }, '%').amount).toBe('1.1 points');
    expect(deltaWording({ delta: 0.008, better: 'lower', value: 0.02 }, 'share').amount).toBe('0.8 points');
  });

  it('judges nothing where no direction is better', () => {
    const wording = deltaWording({ delta: 2, better: 'none', value: 43 }, '%');
    expect(wording).toMatchObject({ symbol: '▲', word: 'up', tone: 'neutral' });
  });

  it('takes a change below half a per cent for none', () => {
    expect(deltaWording({ delta: 0.001, better: 'lower', value: 1 }, '1').word).toBe('unchanged');
    expect(deltaWording({ delta: 0, better: 'lower', value: 0 }, '1').word).toBe('unchanged');
  });

  it.each([
    ['there is no earlier value', null, 1.3],
    ['the value is NaN', 0.1, 'NaN'],
    ['there is no value', null, null],
  ] as const)('says so when %s', (_, delta, value) => {
    expect(deltaWording({ delta, better: 'lower', value }, '1')).toMatchObject({
      symbol: '—',
      word: 'no earlier value',
    });
  });
});
