/**
 * The process between the observed program and the sampler. It makes no native call, so that it always answers; and it
 * is small, so that a sampler that has to be started anew is not started from the program itself, which a fork would
 * stall for as long as its page tables take to copy (over 100 ms with 1 GB).
 */
import { fork } from 'node:child_process';
import type { SamplerMessage } from './sample.ts';
import { readSettings } from './sampler-settings.ts';
import { samplerEntry } from './entries.ts';
import { Supervisor } from './supervisor.ts';

const argument = process.argv[2] ?? '{}';
const { intervalMs, hangMs, restartMs } = readSettings(argument);

const supervisor = new Supervisor({
  intervalMs,
  hangMs,
  restartMs,
  tell: (message) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  },
  finished: () => process.exit(),
  start(events) {
    const child = fork(samplerEntry, [argument], {
      stdio: 'ignore',
      execArgv: ['--max-old-space-size=32'],
    });
    child.on('message', (message) => events.message(message as SamplerMessage));
    child.once('exit', (code, signal) => events.exit(signal ?? `exit code ${code}`));
    child.once('error', (error) => events.exit(error.message));
    return {
      disconnect: () => {
        if (child.connected) child.disconnect();
      },
      kill: (signal) => void child.kill(signal),
    };
  },
});

// The program has ended, in whatever way.
// Ctrl-C reaches every process of the terminal; the program decides whether it ends, and is read until then.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

process.once('disconnect', () => supervisor.stop());
supervisor.start();
