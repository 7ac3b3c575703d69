/** Why the process ends: its event loop ran empty, a signal, an uncaught error, `process.exit()`, or `shutdown()` was called. */
export type ExitReason = 'drained' | 'SIGTERM' | 'SIGINT' | 'uncaughtException' | 'exit' | 'shutdown';
