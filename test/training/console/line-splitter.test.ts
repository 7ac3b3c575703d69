import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, MAX_LINE } from '../../../src/training/console/line-splitter.ts';

function linesOf(pieces: readonly string[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => void lines.push(line));
  for (const piece of pieces) splitter.add(piece);
  splitter.end();
  return lines;
}

describe('printed text becomes lines', () => {
  it('at line ends of both kinds; empty lines are lines, and an end without a line end is one', () => {
    expect(linesOf(['a\nb\r\n\nlast'])).toEqual(['a', 'b', '', 'last']);
    expect(linesOf(['a\n'])).toEqual(['a']);
    expect(linesOf([])).toEqual([]);
  });

  it('of a progress bar the last state is left', () => {
    expect(linesOf(['10%\r', '50%', '\r100%\r\nnext'])).toEqual(['100%', 'next']);
    expect(linesOf(['10%\r50%\r'])).toEqual(['50%']);
  });

  it('is the same however the text is cut into writes', () => {
    const text = fc.array(fc.constantFrom('a', 'ü', '\n', '\r', '\r\n', '😀', 'word'), { maxLength: 30 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 10 }), (parts, cuts) => {
        const whole = parts.join('');
        const places = [0, ...cuts.filter((cut) => cut < whole.length).sort((a, b) => a - b), whole.length];
        const pieces = places.slice(1).map((end, index) => whole.slice(places[index], end));
        expect(linesOf(pieces)).toEqual(linesOf([whole]));
      }),
    );
  });

  it('is cut when it never ends a line, and says how much is left out', () => {
    const [line = ''] = linesOf(Array.from({ length: 100 }, () => 'x'.repeat(1000)));
    expect(line).toBe(`${'x'.repeat(MAX_LINE)} [cut: ${100_000 - MAX_LINE} more characters]`);
    expect(linesOf(['y'.repeat(MAX_LINE + 5), '\rshort\n'])).toEqual(['short']);
  });
});
