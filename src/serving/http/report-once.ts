import { diag } from '@opentelemetry/api';

const reported = new Set<string>();

/** Logs a fault of the instrumentation the first time it happens: at every request it would drown the log. */
export function reportOnce(what: string, error: unknown): void {
  if (reported.has(what)) return;
  reported.add(what);
  diag.error(`llm-otel: ${what}`, error);
}
