import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import { inspectApiCopies } from '../attach/api-copies.ts';
import { type Environment, EnvironmentReader } from './environment-reader.ts';

/** OTEL_LOG_LEVEL's values, those of the JavaScript SDK included. */
const LEVELS: Readonly<Record<string, DiagLogLevel>> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};

/** Messages of the API that say little to a person, and what they mean. */
const IN_PLAIN_WORDS: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /Attempted duplicate registration of API: trace/,
    'llm-otel: another OpenTelemetry SDK tried to register after llm-otel had started one. Its span processors and exporters get nothing. Start it before llm-otel (its --import or import first): llm-otel then attaches to it.',
  ],
  [
    /Attempted duplicate registration of API: metrics/,
    'llm-otel: another OpenTelemetry SDK tried to register its metrics after llm-otel had. Its metric readers get nothing of what instruments record. Start it before llm-otel: llm-otel then attaches to it.',
  ],
  [
    /Attempted duplicate registration of API: (context|propagation)/,
    'llm-otel: another OpenTelemetry SDK tried to register after llm-otel; the context manager and propagators of llm-otel stay in place.',
  ],
];

/**
 * Gives OpenTelemetry's diagnostics a voice, on standard error, unless the program has set a logger of its own:
 * the API has none by default, so every warning would be silent.
 *
 * @returns the way to warn. It reaches people also where diagnostics cannot: when another version of the API has
 *   registered first, its copy lets neither our logger nor our messages in, which is just what must be told.
 */
export function startDiagnostics(env: Environment): (message: string) => void {
  const early: string[] = [];
  const environment = new EnvironmentReader(env, (message) => early.push(message));
  const level = environment.choice('OTEL_LOG_LEVEL', Object.keys(LEVELS), 'warn');
  const logLevel = LEVELS[level] ?? DiagLogLevel.WARN;
  const heard = hasLogger() || diag.setLogger(stderrLogger(), { logLevel, suppressOverrideMessage: true });
  const warn = (message: string): void => {
    if (heard) diag.warn(`llm-otel: ${message}`);
    else if (logLevel >= DiagLogLevel.WARN) write(`llm-otel: ${message}`);
  };
  for (const message of early) warn(message);
  return warn;
}

/**
 * Is there a logger that our messages reach? The API has no question for it; its globals stand under this symbol.
 */
function hasLogger(): boolean {
  const globals = (globalThis as unknown as Record<symbol, { diag?: unknown } | undefined>)[
    Symbol.for('opentelemetry.js.api.1')
  ];
  if (globals?.diag === undefined) return false;
  const { ownVersion, globalVersion } = inspectApiCopies({ directories: [] });
  return ownVersion === globalVersion;
}

/** Writes to standard error. What is put into plain words is said once: a late SDK registers several APIs. */
function stderrLogger(): DiagLogger {
  const told = new Set<string>();
  const log = (message: string, ...rest: unknown[]): void => {
    const plain = IN_PLAIN_WORDS.find(([pattern]) => pattern.test(message))?.[1];
    if (plain === undefined) write([message, ...rest.map(toText)].join(' '));
    else if (!told.has(plain)) write(plain);
    if (plain !== undefined) told.add(plain);
  };
  return { error: log, warn: log, info: log, debug: log, verbose: log };
}

function write(text: string): void {
  process.stderr.write(`${text.startsWith('llm-otel: ') ? text : `opentelemetry: ${text}`}\n`);
}

function toText(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
