import type { ExitReason } from './exit-reason.ts';

/** What the listeners call; see `exit.ts`. */
export interface ExitActions {
  /** Flushes everything within the deadline; false when it passed. */
  flush(reason: ExitReason): Promise<boolean>;
  /** Flushes what may be flushed while the program goes on. */
  flushBeside(reason: ExitReason): Promise<boolean>;
  sync(reason: ExitReason): void;
  pending(): boolean;
}

type ExitSignal = Extract<ExitReason, NodeJS.Signals>;
const EXIT_SIGNALS: readonly ExitSignal[] = ['SIGTERM', 'SIGINT'];
/** A program that records something in every `beforeExit` is not kept alive for ever. */
const MAX_DRAIN_FLUSHES = 10;
const ERROR_FLUSH_PAUSE_MS = 5000;

/**
 * Listens for the ends of the process. Node's own behaviour is kept: a signal that nobody else listens to ends the
 * process by that signal after the flush, an uncaught error prints Node's message and exits with code 1, and where
 * the program has listeners of its own, those alone decide.
 *
 * @returns the way to remove every listener.
 */
export function installExitListeners(actions: ExitActions): () => void {
  let reason: ExitReason = 'exit';
  let signalled = false;
  let crashing = false;
  let drainFlushes = 0;
  let drainedByUs = false;

  const onBeforeExit = (): void => {
    // The flush keeps the loop alive, so `beforeExit` comes again after it: the process must end then, unless
    // somebody recorded more meanwhile.
    if (drainedByUs && !actions.pending()) return;
    if (drainFlushes >= MAX_DRAIN_FLUSHES) return;
    drainFlushes++;
    reason = 'drained';
    void flushDrained();
  };
  const flushDrained = async (): Promise<void> => {
    const complete = await actions.flush('drained');
    drainedByUs = true;
    // What could not be delivered now would not be in another round either.
    if (!complete) drainFlushes = MAX_DRAIN_FLUSHES;
  };

  const endBySignal = (signal: ExitSignal): void => {
    actions.sync(signal);
    removeSignalListeners();
    process.kill(process.pid, signal);
    // A bystander gets the signal in a moment and raises it again: it must find itself alone.
    if (process.listenerCount(signal) > 0) return;
    // Still here: the process is PID 1 of a container, where the kernel ignores a signal that nobody listens to.
    addSignalListeners();
    signalled = false;
  };

  const onSignal = (signal: ExitSignal): void => {
    if (othersDecide(signal, signalListeners[signal])) {
      void actions.flushBeside(signal);
      return;
    }
    // A second Ctrl-C ends at once.
    if (signalled) return endBySignal(signal);
    signalled = true;
    reason = signal;
    void flushThenEnd(signal);
  };
  const flushThenEnd = async (signal: ExitSignal): Promise<void> => {
    await actions.flush(signal);
    endBySignal(signal);
  };

  /** At most one a while: a program may live through a storm of errors. */
  let nextErrorFlush = 0;
  const flushBesideError = (): void => {
    if (performance.now() < nextErrorFlush) return;
    nextErrorFlush = performance.now() + ERROR_FLUSH_PAUSE_MS;
    void actions.flushBeside('uncaughtException');
  };

  const onUncaughtException = (error: unknown): void => {
    if (process.listenerCount('uncaughtException') > 1) {
      // They decide; many of them flush something of their own and then exit, which leaves us time as well.
      flushBesideError();
      return;
    }
    // The process dies of the first error; what fails while it is flushed changes nothing.
    if (crashing) return;
    crashing = true;
    reason = 'uncaughtException';
    void flushThenDie(error);
  };
  const flushThenDie = async (error: unknown): Promise<void> => {
    await actions.flush('uncaughtException');
    process.off('uncaughtException', onUncaughtException);
    dieOf(error);
  };

  const onExit = (): void => actions.sync(reason);

  const signalListeners: Readonly<Record<ExitSignal, () => void>> = {
    SIGTERM: () => onSignal('SIGTERM'),
    SIGINT: () => onSignal('SIGINT'),
  };
  const addSignalListeners = (): void => {
    for (const signal of EXIT_SIGNALS) process.on(signal, signalListeners[signal]);
  };
  const removeSignalListeners = (): void => {
    for (const signal of EXIT_SIGNALS) process.off(signal, signalListeners[signal]);
  };

  addSignalListeners();
  process.on('beforeExit', onBeforeExit);
  process.on('uncaughtException', onUncaughtException);
  process.on('exit', onExit);
  return () => {
    removeSignalListeners();
    process.off('beforeExit', onBeforeExit);
    process.off('uncaughtException', onUncaughtException);
    process.off('exit', onExit);
  };
}

/**
 * Does somebody else listen to the signal and decide what follows? The npm package `signal-exit` (in many command
 * line tools) does not count: it re-raises the signal itself when nobody but itself listens, and would wait for us
 * as we for it. It says under a known name how many of its copies are loaded; each has one listener a signal.
 */
function othersDecide(signal: ExitSignal, ours: () => void): boolean {
  const others = process.listeners(signal).filter((listener) => listener !== ours).length;
  const emitters = [
    (process as unknown as Record<string, { count?: unknown } | undefined>).__signal_exit_emitter__,
    (globalThis as unknown as Record<symbol, { count?: unknown } | undefined>)[
      Symbol.for('signal-exit emitter')
    ],
  ];
  let bystanders = 0;
  for (const emitter of emitters) if (typeof emitter?.count === 'number') bystanders += emitter.count;
  return others > bystanders;
}

/**
 * Raises the error again, so that Node prints its message and exits with its code. Node takes the source line in
 * that message from where the error was made when it comes from a rejected promise, and from the `throw` otherwise
 * (measured, Node 24): so an Error goes through a rejection, to show the user's line and not ours.
 */
function dieOf(error: unknown): void {
  // They have seen the error already, when it was raised first.
  process.removeAllListeners('uncaughtExceptionMonitor');
  const flags = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`;
  if (error instanceof Error && !flags.includes('--unhandled-rejections')) {
    process.removeAllListeners('unhandledRejection');
    // oxlint-disable-next-line promise/no-promise-in-callback -- the rejection is the point
    void Promise.reject(error);
    return;
  }
  setImmediate(() => {
    throw error;
  });
}
