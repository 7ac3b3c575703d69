/**
 * A training program that ends in the way its first argument says. Writes `ready` when the run has taken its steps
 * (all of them journaled where it is to be killed).
 */
import { writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { startRun } from '../../../src/training/index.ts';

const [, , , tracker] = process.argv;
const run = await startRun({
  project: 'exits',
  id: 'child',
  flushInterval: 20,
  ...(process.argv[2] === 'hanging-tracker' && {
    finishTimeout: 100,
    trackers: [{ platform: 'mlflow', trackingUri: tracker as string }],
  }),
});
const say = (text: string): void => void writeSync(1, `${text}\n`);
const steps = (count: number): void => {
  for (let i = 0; i < count; i++) run.step({ 'train/loss': 1 / (i + 1) }, { tokens: 10 });
};

const ENDS: Record<string, () => unknown> = {
  /** The event loop runs empty, without a `finish()`. */
  return: () => steps(50),
  finish: async () => {
    steps(50);
    await run.finish();
  },
  /** Its tracker takes connections and never answers. */
  'hanging-tracker': async () => {
    steps(50);
    await run.finish();
  },
  /** Goes to another folder first. */
  move: async () => {
    process.chdir(process.argv[3] as string);
    steps(50);
    await run.finish();
  },
  'exit-code': () => {
    steps(50);
    process.exitCode = 4;
  },
  exit: () => {
    steps(50);
    process.exit(Number(process.argv[3]));
  },
  throw: () => {
    steps(50);
    throw new Error('the loss exploded');
  },
  reject: async () => {
    steps(50);
    await run.phase('train epoch', () => Promise.reject(new Error('the loss exploded')));
  },
  /** Waits for a signal. */
  wait: () => {
    steps(50);
    setInterval(() => {}, 1000);
    say('ready');
  },
  /** A program that saves its work at SIGTERM and ends by itself. */
  'own-handler': () => {
    process.on('SIGTERM', () => {
      run.step({ 'train/loss': 0 });
      void run.finish('finished').then(() => process.exit(0));
    });
    steps(50);
    setInterval(() => {}, 1000);
    say('ready');
  },
  /** A program that leaves at SIGTERM, without a word about its run. */
  'own-exit': () => {
    process.on('SIGTERM', () => process.exit(0));
    steps(50);
    setInterval(() => {}, 1000);
    say('ready');
  },
  /** Steps until it is killed, yielding to the event loop. */
  endless: async () => {
    let told = false;
    for (;;) {
      steps(1);
      if (!told && run.stats().journaled > 300) {
        told = true;
        say('ready');
      }
      await setImmediate();
    }
  },
  /** The same without ever letting a timer run. */
  spinning: () => {
    let told = false;
    for (;;) {
      steps(1);
      if (!told && run.stats().journaled > 300) {
        told = true;
        say('ready');
      }
    }
  },
};

await ENDS[process.argv[2] ?? '']?.();
