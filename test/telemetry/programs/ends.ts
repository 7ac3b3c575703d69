/**
 * A program that records one span and then ends in the way that its first argument names. It says `ready` when it
 * waits for a signal.
 */
import { trace } from '@opentelemetry/api';
import { addExitHook, startTelemetry } from '../../../src/telemetry/index.ts';

const [, , ending, endpoint] = process.argv;
startTelemetry({ serviceName: 'ends', endpoint: endpoint ?? '', shutdownTimeout: '2s' });
addExitHook({
  name: 'the test',
  order: 10,
  flush: (reason) => process.stdout.write(`flush ${reason}\n`) as unknown as undefined,
  sync: (reason) => process.stdout.write(`sync ${reason}\n`) as unknown as undefined,
});
process.on('exit', (code) => process.stdout.write(`exit ${code}\n`));
trace.getTracer('test').startSpan('work').end();

const stayAlive = (): NodeJS.Timeout => setInterval(() => {}, 60_000);
const ways: Record<string, () => void> = {
  drained: () => {},
  drainedWithCode: () => {
    process.exitCode = 7;
  },
  /** The flush of the first `beforeExit` must not hide what is recorded in a later one. */
  recordsInBeforeExit: () => {
    process.once('beforeExit', () => {
      setTimeout(() => trace.getTracer('test').startSpan('late').end(), 10);
    });
  },
  signal: () => {
    stayAlive();
    process.stdout.write('ready\n');
  },
  ownSignalListener: () => {
    const timer = stayAlive();
    process.on('SIGTERM', () => {
      process.stdout.write('own listener\n');
      clearInterval(timer);
    });
    process.stdout.write('ready\n');
  },
  /** The npm package signal-exit re-raises a signal when nobody but its own copies listens to it. */
  signalExit: () => {
    stayAlive();
    Object.assign(globalThis, { [Symbol.for('signal-exit emitter')]: { count: 1 } });
    const listener = (): void => {
      if (process.listenerCount('SIGTERM') > 1) return;
      process.stdout.write('signal-exit re-raises\n');
      process.off('SIGTERM', listener);
      process.kill(process.pid, 'SIGTERM');
    };
    process.on('SIGTERM', listener);
    process.stdout.write('ready\n');
  },
  throws: () => {
    setTimeout(function userCode() {
      throw new TypeError('boom of the user');
    }, 1);
  },
  throwsText: () => {
    setTimeout(() => {
      throw 'only text'; // oxlint-disable-line no-throw-literal, typescript/only-throw-error
    }, 1);
  },
  rejects: () => {
    void Promise.reject(new RangeError('rejected by the user'));
  },
  rejectsObject: () => {
    void Promise.reject({ not: 'an error' }); // oxlint-disable-line typescript/prefer-promise-reject-errors
  },
  throwsHandled: () => {
    process.on('uncaughtException', (error) => process.stdout.write(`handled ${error.message}\n`));
    setTimeout(() => {
      throw new Error('survivable');
    }, 1);
  },
  /** As error reporters do: something asynchronous of their own, and then the exit. */
  throwsHandledThenExits: () => {
    stayAlive();
    process.on('uncaughtException', () => {
      process.stdin.once('end', () => process.exit(9)).resume();
    });
    throw new Error('reported elsewhere');
  },
  throwsWithRejectionListener: () => {
    process.on('unhandledRejection', () => process.stdout.write('must not be called\n'));
    setTimeout(() => {
      throw new Error('boom beside a listener');
    }, 1);
  },
  /** Goes on until standard input ends, and then drains. */
  waitsForInput: () => {
    process.stdin.resume();
  },
  exits: () => process.exit(3),
};
(ways[ending ?? ''] as () => void)();
