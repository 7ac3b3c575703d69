import { restartPause } from './restart-pause.ts';
import type { SamplerMessage } from './sampler-message.ts';

/** A sampler process, as the supervisor sees it. */
export interface SamplerHandle {
  /** Lets it close its library and end. */
  disconnect(): void;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}
export interface SamplerEvents {
  message(message: SamplerMessage): void;
  exit(how: string): void;
}

export interface SupervisorOptions {
  readonly intervalMs: number;
  readonly hangMs: number;
  readonly restartMs: number;
  readonly start: (events: SamplerEvents) => SamplerHandle;
  readonly tell: (message: SamplerMessage) => void;
  /** There is nothing more to supervise. */
  readonly finished: () => void;
}

/** Intervals without a sample after which the sampler counts as stalled. */
const PATIENCE = 3;
/** A sampler that starts up has this long for its first sample: a driver without persistence mode takes seconds. */
const START_MS = 15_000;
/** Time between SIGTERM and SIGKILL. Patient: a process that is killed in the middle of a driver call can leave a GPU frozen. */
const KILL_MS = 15_000;

/**
 * Watches one sampler: says when it stalls, ends it when it hangs for good, and starts another when it has really
 * ended, with growing pauses. There is never more than one: hung processes must not pile up.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  #handle: SamplerHandle | undefined;
  #watch: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #failures = 0;
  #stalled = false;
  #absent = false;
  #toldTrouble = false;
  #stopped = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** After so many milliseconds. */
  startAfter(milliseconds: number): void {
    this.#restart = setTimeout(() => this.start(), milliseconds);
  }

  start(): void {
    this.#stalled = false;
    this.#toldTrouble = false;
    this.#handle = this.#options.start({
      message: (message) => this.#onMessage(message),
      exit: (how) => this.#onExit(how),
    });
    this.#expect(START_MS);
  }

  /** Ends the sampler and starts none any more. Resolves nothing: `finished` is called when it has ended. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#watch);
    clearTimeout(this.#restart);
    if (!this.#handle) {
      this.#options.finished();
      return;
    }
    // One that hangs does not see that its channel has closed.
    if (this.#stalled) this.#handle.kill('SIGTERM');
    this.#handle.disconnect();
    this.#watch = setTimeout(() => {
      this.#handle?.kill('SIGTERM');
      this.#watch = setTimeout(() => this.#handle?.kill('SIGKILL'), 1000);
    }, 1000);
  }

  #onMessage(message: SamplerMessage): void {
    if (this.#stopped) return;
    if (message.type === 'sample') {
      this.#failures = 0;
      this.#stalled = false;
      this.#expect(PATIENCE * this.#options.intervalMs);
    }
    if (message.type === 'trouble') this.#toldTrouble = true;
    if (message.type === 'absent') this.#absent = true;
    this.#options.tell(message);
  }

  /** The next sample has to come within this time. */
  #expect(milliseconds: number): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.#stalled = true;
      const why = `the driver has not answered for ${Math.round(milliseconds)} ms`;
      this.#options.tell({ type: 'trouble', reason: 'stalled', why });
      this.#watch = setTimeout(() => {
        this.#handle?.kill('SIGTERM');
        this.#watch = setTimeout(() => this.#handle?.kill('SIGKILL'), KILL_MS);
      }, this.#options.hangMs);
    }, milliseconds);
  }

  #onExit(how: string): void {
    if (!this.#handle) return; // told twice
    clearTimeout(this.#watch);
    this.#handle = undefined;
    if (this.#stopped || this.#absent) {
      this.#options.finished();
      return;
    }
    if (!this.#toldTrouble)
      this.#options.tell({ type: 'trouble', reason: 'crashed', why: `the GPU sampler ended: ${how}` });
    this.startAfter(restartPause(this.#options.restartMs, this.#failures++));
  }
}
