/**
 * `node --import llm-otel/register server.mjs` (or `-r`): starts telemetry, the HTTP instrumentation and the
 * observers before the program, without a change to it.
 *
 * Nothing here awaits at the top level: `-r` loads only modules that do not. Nothing here may break the program: what
 * fails is said in one line, and the program goes on without it.
 */
import { isMainThread } from 'node:worker_threads';
import { ENV } from './conventions/index.ts';
import { isNewEnough, OLDEST_NODE } from './conventions/node-version.ts';
import { readSelection } from './observers/selection.ts';
import { SERVER_MODES, type ServerMode, startHttp } from './serving/http/index.ts';
import { observeOpenAi } from './serving/openai/index.ts';
import { hostAttributes, startTelemetry } from './telemetry/index.ts';

/** On `globalThis`: `--import` and `-r`, or two copies of the package, must not start everything twice. */
const STARTED = Symbol.for('llm-otel.registered');

function attempt(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    say(what, error);
  }
}

function say(what: string, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`llm-otel: ${what} could not be started, the program goes on without: ${message}\n`);
}

function serverMode(): ServerMode {
  const { name, default: fallback } = ENV.httpServer;
  const asked = process.env[name] || fallback;
  const mode = SERVER_MODES.find((known) => known === asked);
  if (mode) return mode;
  throw new Error(`${name} is ${JSON.stringify(asked)}; expected one of ${SERVER_MODES.join(', ')}`);
}

function register(): void {
  attempt('telemetry', () => {
    startTelemetry({ resourceAttributes: hostAttributes() });
  });
  attempt('the HTTP instrumentation', () => {
    startHttp({ server: serverMode(), observe: observeOpenAi({ routes: process.env[ENV.llmRoutes.name] }) });
  });
  attempt('the observers', observe);
}

/** The host is one, whatever the number of threads. Which observers start, they read from the environment themselves. */
function observe(): void {
  const wanted = readSelection(process.env[ENV.observers.name]);
  if (!isMainThread || Object.keys(wanted).length === 0) return;
  // Loaded beside the program's own start, which need not wait.
  import('./observers/index.ts').then(
    ({ startObservers }) =>
      attempt('the observers', () => {
        startObservers();
      }),
    (error: unknown) => say('the observers', error),
  );
}

const global = globalThis as { [STARTED]?: true };
if (!global[STARTED] && process.env['OTEL_SDK_DISABLED']?.trim().toLowerCase() !== 'true') {
  global[STARTED] = true;
  if (isNewEnough(process.versions.node)) register();
  else say('telemetry', `this is Node ${process.versions.node}; Node ${OLDEST_NODE} or newer is needed`);
}
