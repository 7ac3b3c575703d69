import { type ChildProcess, fork } from 'node:child_process';
import { ownHelpers } from '../own-helpers.ts';
import { keeperEntry } from './entries.ts';
import { restartPause } from './restart-pause.ts';
import type { KeeperMessage, SamplerMessage } from './sampler-message.ts';
import { type SamplerSettings, settingsArgument } from './sampler-settings.ts';
import { HELPER_OPTIONS } from './succession.ts';

/** Resident bytes up to which a fork stalls a program for some milliseconds only (Linux, 25 ms a gigabyte). */
const SMALL_PROGRAM = 256 * 2 ** 20;

export interface KeeperEvents {
  message(message: SamplerMessage): void;
  /** A keeper ended; there are no readings until another is there. */
  ended(why: string): void;
}

/**
 * The program's side of the keeper: starts it, hears it, and its heirs. A keeper that was killed is succeeded by one that
 * the sampler starts, which talks through the same channel. Only when both are gone is one started from here, with
 * growing pauses, and on Linux only in a program that a fork does not stall.
 */
export class Keeper {
  readonly #settings: SamplerSettings;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #events: KeeperEvents;
  #process: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #ends = 0;
  #stopped = false;

  constructor(
    settings: SamplerSettings,
    env: Readonly<Record<string, string | undefined>>,
    events: KeeperEvents,
  ) {
    this.#settings = settings;
    this.#env = env;
    this.#events = events;
    this.#start();
  }

  /** Lets the keeper and its sampler end. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#restart);
    if (this.#process?.connected) this.#process.disconnect();
  }

  #start(): void {
    // NODE_OPTIONS would start telemetry there, too, or a debugger.
    const { NODE_OPTIONS: _, ...env } = this.#env;
    const keeper = fork(keeperEntry, [settingsArgument(this.#settings)], {
      stdio: 'ignore',
      execArgv: HELPER_OPTIONS,
      env,
    });
    this.#process = keeper;
    let helper = keeper.pid;
    const isHelper = (pid: number | undefined): void => {
      if (helper !== undefined) ownHelpers.delete(helper);
      if (pid !== undefined) ownHelpers.add(pid);
      helper = pid;
    };
    isHelper(keeper.pid);
    keeper.on('message', (message: KeeperMessage) => {
      if (this.#stopped) return;
      if (message.type === 'sample') this.#ends = 0;
      if (message.type !== 'keeper') {
        this.#events.message(message);
        return;
      }
      // Of an heir that was succeeded itself nothing else tells.
      isHelper(message.pid);
      this.#events.ended('its keeper was killed');
    });
    keeper.once('exit', (code, signal) => {
      if (helper === keeper.pid) isHelper(undefined);
      if (!this.#stopped) this.#events.ended(signal ?? `exit code ${code}`);
    });
    // The sampler holds the channel too: it closes when nobody is left who could start a keeper.
    const lost = (): void => {
      isHelper(undefined);
      this.#startAnew();
    };
    keeper.once('disconnect', lost);
    keeper.once('error', (error) => {
      if (!this.#stopped) this.#events.ended(error.message);
      if (keeper.pid === undefined) lost();
    });
    keeper.unref();
    keeper.channel?.unref();
  }

  #startAnew(): void {
    if (this.#stopped) return;
    const pause = restartPause(this.#settings.restartMs, this.#ends++);
    this.#restart = setTimeout(() => {
      if (process.platform === 'linux' && process.memoryUsage.rss() > SMALL_PROGRAM)
        this.#events.ended('both of its processes, and to start them anew would stall this large program');
      else this.#start();
    }, pause);
    this.#restart.unref();
  }
}
