import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Why a Collector ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Its last lines, oldest first. */
  lastLines: readonly string[];
}
export interface SupervisorEvents {
  started?: (pid: number) => void;
  /** A line of its log. */
  line?: (line: string) => void;
  /** It ended without having been told to; it is started again after `restartInMs`. */
  crashed?: (ended: Ended, restartInMs: number) => void;
}
export interface SupervisorOptions extends SupervisorEvents {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Time after SIGTERM before SIGKILL, milliseconds; default 10,000. Harmless with queues on disk. */
  graceMs?: number;
  /** First and longest pause before a restart, milliseconds; default 1,000 and 30,000; doubled after each quick end. */
  firstPauseMs?: number;
  longestPauseMs?: number;
  /** A Collector that ran so long starts again with the first pause, milliseconds; default 60,000. */
  healthyAfterMs?: number;
  /** Ends before it was ever ready are given up after so many; default 5. */
  mostEarlyEnds?: number;
  /** Clock and timer, for tests. */
  now?: () => number;
  after?: (ms: number, run: () => void) => { cancel(): void };
}

const KEPT_LINES = 20;

/**
 * Keeps one Collector running: starts it, starts it again with growing pauses when it ends, and stops it cleanly.
 * A Collector that ends again and again before it was ready (a wrong configuration, a port that is taken) is given up.
 */
export class Supervisor {
  readonly #options: Required<Omit<SupervisorOptions, keyof SupervisorEvents>> & SupervisorEvents;
  #child: ChildProcess | undefined;
  #stopping = false;
  #ready = false;
  #startedAt = 0;
  #quickEnds = 0;
  #restart: { cancel(): void } | undefined;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = {
      graceMs: 10_000,
      firstPauseMs: 1000,
      longestPauseMs: 30_000,
      healthyAfterMs: 60_000,
      mostEarlyEnds: 5,
      now: Date.now,
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return { cancel: () => clearTimeout(timer) };
      },
      ...options,
    };
  }

  /** @returns when it was stopped; @throws Error when it is given up, or cannot be started at all */
  run(): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#start();
    });
  }

  /** Whoever watches its health says that it answered: from now on it is always started again. */
  markReady(): void {
    this.#ready = true;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** SIGTERM, then after the grace SIGKILL. Calling again kills at once. `run` resolves when it is gone. */
  stop(): void {
    const child = this.#child;
    if (this.#stopping) {
      child?.kill('SIGKILL');
      return;
    }
    this.#stopping = true;
    this.#restart?.cancel();
    if (!child) {
      this.#settle?.resolve();
      return;
    }
    child.kill('SIGTERM');
    const timer = this.#options.after(this.#options.graceMs, () => child.kill('SIGKILL'));
    child.once('close', () => timer.cancel());
  }

  #start(): void {
    const { command, args, env, line } = this.#options;
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#startedAt = this.#options.now();
    const lastLines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream, crlfDelay: Infinity }).on('line', (text) => {
        lastLines.push(text);
        if (lastLines.length > KEPT_LINES) lastLines.shift();
        line?.(text);
      });
    }
    // However this process ends, it leaves no Collector behind.
    const kill = () => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('spawn', () => this.#options.started?.(child.pid as number));
    child.once('error', (error) => {
      process.off('exit', kill);
      this.#child = undefined;
      this.#settle?.reject(new Error(`the Collector ${command} cannot be started: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      process.off('exit', kill);
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#ended({ code, signal, lastLines });
    });
  }

  #ended(ended: Ended): void {
    if (this.#stopping) {
      this.#settle?.resolve();
      return;
    }
    const { now, healthyAfterMs, firstPauseMs, longestPauseMs, mostEarlyEnds, after } = this.#options;
    if (now() - this.#startedAt >= healthyAfterMs) this.#quickEnds = 0;
    this.#quickEnds++;
    if (!this.#ready && this.#quickEnds >= mostEarlyEnds) {
      this.#settle?.reject(
        new Error(
          `the Collector ended ${this.#quickEnds} times before it was ready (${endText(ended)}). Its last lines:\n${ended.lastLines.slice(-5).join('\n')}`,
        ),
      );
      return;
    }
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#quickEnds - 1));
    this.#options.crashed?.(ended, pause);
    this.#restart = after(pause, () => this.#start());
  }
}

/** How it ended, in words. */
export function endText({ code, signal }: Pick<Ended, 'code' | 'signal'>): string {
  return signal ? `killed by ${signal}` : `exit code ${code}`;
}
