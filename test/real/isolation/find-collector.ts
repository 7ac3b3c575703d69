import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** A real Collector, or what to do about there being none. */
export function findCollector(
  env: Readonly<Record<string, string | undefined>> = process.env,
): { binary: string } | { missing: string } {
  const named = env['OTELCOL'];
  if (named)
    return isProgram(named) ? { binary: named } : { missing: `OTELCOL names ${named}, which cannot be run` };
  const cache = env['LLM_OTEL_REAL_DIR'] ?? join(homedir(), '.cache', 'llm-otel', 'real');
  const cached = existsSync(cache)
    ? readdirSync(cache)
        .filter((name) => name.startsWith('collector-') || name.startsWith('otelcol-'))
        .map((name) => join(cache, name, 'otelcol'))
    : [];
  const onPath = (env['PATH'] ?? '')
    .split(delimiter)
    .filter(Boolean)
    .flatMap((folder) => ['otelcol', 'otelcol-contrib'].map((name) => join(folder, name)));
  const binary = [...onPath, ...cached].find(isProgram);
  return binary
    ? { binary }
    : {
        missing:
          'no OpenTelemetry Collector: set OTELCOL, put otelcol on PATH, or run "npm run real:install"',
      };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
