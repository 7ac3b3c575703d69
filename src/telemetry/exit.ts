/** Why the process ends: its event loop ran empty, a signal, an uncaught error, `process.exit()`, or `shutdown()` was called. */
export type ExitReason = 'drained' | 'SIGTERM' | 'SIGINT' | 'uncaughtException' | 'exit' | 'shutdown';

/** Work to do before the process ends. */
export interface ExitHook {
  readonly name: string;
  /** Lower runs first; hooks of one order run together. Runs end (10) before telemetry flushes (100). */
  readonly order: number;
  /** Not called on `exit`. All flushes share one deadline; what it rejects with is logged. */
  flush?(reason: ExitReason): Promise<void> | void;
  /** Last and synchronous, in `process.on('exit')`: only what can be done without waiting. */
  sync?(reason: ExitReason): void;
}
