import type { RunSink, SinkContext, SinkRun } from '../sink.ts';
import { callSink } from './sink-call.ts';
import type { Failure } from './trouble.ts';

/** A sink that is let go has so long to do it. */
const CLOSE_TIMEOUT_MS = 5000;

export interface SinkSessionOptions {
  readonly sink: RunSink;
  readonly callTimeoutMs: number;
  /** Ends the call under way, and lets none begin. */
  readonly stop: AbortSignal;
  /** How the run started, as the sink may know it; undefined until that is known. */
  readonly run: () => Promise<SinkRun | undefined>;
  readonly context: () => SinkContext;
  readonly onCall: () => void;
  readonly onOutcome: (failure: Failure | undefined) => void;
}

/** The calls of one sink, one at a time: opened or not, and how the last one ended. Never rejects. */
export class SinkSession {
  readonly #options: SinkSessionOptions;
  #isOpen = false;
  #hasEnded = false;
  #failure: Failure | undefined;

  constructor(options: SinkSessionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The run's end is with the sink, and it was not opened again. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Of the last call; undefined when it was taken. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** True when the run is open now. */
  async open(): Promise<boolean> {
    const { sink, run, context } = this.#options;
    this.#isOpen = await this.call(async (signal) => {
      const facts = await run();
      if (!facts) throw new Error('The start of the run is not known yet');
      await sink.open(facts, context(), signal);
    });
    if (this.#isOpen) this.#hasEnded = false;
    return this.#isOpen;
  }

  /** The run has ended in the sink. */
  ended(): void {
    this.#isOpen = false;
    this.#hasEnded = true;
  }

  /** True when the sink took it. */
  async call(call: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const { callTimeoutMs, stop, onCall, onOutcome } = this.#options;
    onCall();
    const outcome = await callSink(call, callTimeoutMs, stop);
    this.#failure = outcome.ok ? undefined : outcome;
    onOutcome(this.#failure);
    return outcome.ok;
  }

  /** Lets go of the run, whose end is not known. True when it was open. */
  async letGo(): Promise<boolean> {
    if (!this.#isOpen) return false;
    this.#isOpen = false;
    const { sink } = this.#options;
    await callSink(
      (signal) => sink.close(undefined, {}, signal),
      CLOSE_TIMEOUT_MS,
      new AbortController().signal,
    );
    return true;
  }
}
