/**
 * The process between the observed program and the sampler. It makes no native call, so that it always answers; and it
 * is small, so that a sampler that has to be started anew is not started from the program itself, which a fork would
 * stall for as long as its page tables take to copy (over 100 ms with 1 GB).
 */
import { restartPause } from './restart-pause.ts';
import type { KeeperMessage, SamplerMessage } from './sampler-message.ts';
import { readSettings } from './sampler-settings.ts';
import { startSampler } from './succession.ts';
import { Supervisor } from './supervisor.ts';

const argument = process.argv[2] ?? '{}';
const { intervalMs, hangMs, restartMs, keepersLost = 0 } = readSettings(argument);

function tell(message: KeeperMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

const supervisor = new Supervisor({
  intervalMs,
  hangMs,
  restartMs,
  tell,
  finished: () => process.exit(),
  start(events) {
    const child = startSampler(argument);
    child.on('message', (message) => events.message(message as SamplerMessage));
    child.once('exit', (code, signal) => events.exit(signal ?? `exit code ${code}`));
    child.once('error', (error) => events.exit(error.message));
    return {
      disconnect: () => {
        if (!child.connected) return;
        // Without this word it would take its keeper for killed.
        child.send({ type: 'end' }, () => {});
        child.disconnect();
      },
      kill: (signal) => void child.kill(signal),
    };
  },
});

// The program has ended, in whatever way.
// Ctrl-C reaches every process of the terminal; the program decides whether it ends, and is read until then.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

process.once('disconnect', () => supervisor.stop());
if (keepersLost === 0) supervisor.start();
else {
  tell({ type: 'keeper', pid: process.pid });
  supervisor.startAfter(restartPause(restartMs, keepersLost - 1));
}
