/**
 * How the sampler starts a new keeper when its own was killed. The program cannot do that: a fork stalls it for about
 * 25 ms a gigabyte. The sampler is small, and holds the keeper's end of the channel to the program open for its heir.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { keeperEntry, samplerEntry } from './entries.ts';
import { hasLived } from './restart-pause.ts';
import { type SamplerSettings, settingsArgument } from './sampler-settings.ts';

/** Small processes: their heaps are. */
export const HELPER_OPTIONS = ['--max-old-space-size=32'];
/** Where Node has the channel of a process that was started with nothing but one. */
const CHANNEL = 3;
/** Where the sampler has its keeper's. */
const KEEPERS_CHANNEL = 4;
/** Windows hands no channel on; its processes are not forked, so that the program can start a keeper itself. */
const handedOn = process.platform !== 'win32';

/** In the keeper. */
export function startSampler(argument: string): ChildProcess {
  return fork(samplerEntry, [argument], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc', ...(handedOn ? [CHANNEL] : [])],
    execArgv: HELPER_OPTIONS,
  });
}

/** In the sampler, whose keeper has ended without a word. `livedMs`: for how long it had it. */
export function startHeir(settings: SamplerSettings, livedMs: number): void {
  if (!handedOn) return;
  const before = hasLived(settings.restartMs, livedMs) ? 0 : (settings.keepersLost ?? 0);
  const argument = settingsArgument({ ...settings, keepersLost: before + 1 });
  spawn(process.execPath, [...HELPER_OPTIONS, keeperEntry, argument], {
    stdio: ['ignore', 'ignore', 'ignore', KEEPERS_CHANNEL],
    // As `fork` does it: the new keeper talks to the program as its own child would.
    env: { ...process.env, NODE_CHANNEL_FD: String(CHANNEL), NODE_CHANNEL_SERIALIZATION_MODE: 'json' },
  }).unref();
}
