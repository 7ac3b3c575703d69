import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { isNewEnough } from '../../src/conventions/node-version.ts';
import { CommandFailed } from '../../src/cli/output.ts';
import { endOf } from '../../src/cli/program.ts';

class StoreOpenError extends Error {}

describe('an error that ends the command', () => {
  it.each([
    [
      'wrong usage',
      new CommandFailed('--port takes a port', 2),
      { exitCode: 2, message: '--port takes a port' },
    ],
    ['what commander has said', new CommanderError(1, 'commander.unknownOption', 'x'), { exitCode: 2 }],
    ['--help and --version', new CommanderError(0, 'commander.help', 'x'), { exitCode: 0 }],
    ['an error of a class of its own', new StoreOpenError('in use'), { exitCode: 1, message: 'in use' }],
    [
      'an error of the system',
      Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'open' }),
      { exitCode: 1, message: 'EACCES: permission denied' },
    ],
    ['a reader who went away', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }), { exitCode: 0 }],
  ])('%s is told in a line', (_, error, end) => {
    expect(endOf(error)).toEqual(end);
  });

  it.each([[new TypeError('x is not a function')], [new Error('unexpected')], ['text']])(
    'a fault of ours keeps its stack: %s',
    (error) => {
      expect(endOf(error)).toBeUndefined();
    },
  );
});

describe('the version of Node', () => {
  it.each([
    ['20.20.2', false],
    ['22.14.9', false],
    ['22.15.0', true],
    ['23.0.0', true],
    ['24.21.0', true],
  ])('%s is new enough: %s', (version, enough) => {
    expect(isNewEnough(version)).toBe(enough);
  });
});
