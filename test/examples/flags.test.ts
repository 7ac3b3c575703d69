import { describe, expect, it } from 'vitest';
import { COUNT, parseFlags, PORT } from '../../examples/flags.ts';

const parse = (...args: string[]) =>
  parseFlags(
    args,
    { once: false, steps: 400, rate: 0.5, port: undefined, out: './model.json' },
    { steps: COUNT, rate: { from: 0, to: 1, whole: false }, port: PORT },
  );

describe('flags of the examples', () => {
  it('have defaults', () => {
    expect(parse()).toEqual({ once: false, steps: 400, rate: 0.5, port: undefined, out: './model.json' });
  });

  it('are numbers, switches and texts', () => {
    expect(parse('--once', '--steps', '7', '--rate=1e-3', '--port', '0', '--out', 'a b')).toEqual({
      once: true,
      steps: 7,
      rate: 0.001,
      port: 0,
      out: 'a b',
    });
  });

  it.each([
    [['--stepz', '4'], 'unknown flag --stepz; there are --once, --steps, --rate, --port, --out'],
    [['--steps', 'abc'], '--steps must be a whole number from 1 to 1000000, not abc'],
    [['--steps', '1.5'], '--steps must be a whole number from 1 to 1000000, not 1.5'],
    [['--steps', '0'], '--steps must be a whole number from 1 to 1000000, not 0'],
    [['--port', '65536'], '--port must be a whole number from 0 to 65535, not 65536'],
    [['--rate', 'NaN'], '--rate must be a number from 0 to 1, not NaN'],
    [['--out'], '--out needs a value'],
    [['--out='], '--out needs a value'],
    [['--once=no'], '--once takes no value'],
    [['foo'], 'unexpected foo; values follow their flag'],
  ])('refuse %j', (args, message) => {
    expect(() => parse(...args)).toThrow(new Error(message));
  });
});
