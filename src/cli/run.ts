import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Monitoring } from '../config/index.ts';
import { ATTR, ENV } from '../conventions/index.ts';
import { OBSERVERS, type ObserverSelection, readSelection, selectionText } from '../observers/selection.ts';
import { hostAttributes } from '../telemetry/settings/host-attributes.ts';
import { endpointOption } from './endpoint-option.ts';
import { readConfig } from './hub.ts';
import type { ObservedProgram } from './observe-program.ts';
import { CommandFailed } from './output.ts';

export function addRun(program: Command): void {
  program
    .command('run')
    .description(
      'start a program with telemetry on: OTEL_* variables, for Node also --import llm-otel/register; another one is observed from outside',
    )
    .argument('<command...>', 'the program and its arguments, after --')
    .addOption(endpointOption('where telemetry goes (OTLP over HTTP)'))
    .option('--service-name <name>', 'service.name of what the program sends')
    .option('--config <file>', `configuration file (default: ${ENV.config.default} when it is there)`)
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nExamples:\n  llm-otel run -- node server.mjs\n  llm-otel run --service-name trainer -- python3 train.py',
    )
    .action(async (command: string[], options: RunOptions) => {
      process.exitCode = await runProgram(command, options);
    });
}

interface RunOptions {
  endpoint?: string;
  serviceName?: string;
  config?: string;
}

/** What `monitoring.yaml` says about recording, as the variables that the recording side reads. */
export function configEnvironment(config: Partial<Monitoring>): Record<string, string> {
  const { slo, routes, provider_name: provider, capture_content: content } = config.serving ?? {};
  const console = config.experiment_tracking?.capture_console;
  const values: [name: string, value: string | undefined][] = [
    [ENV.captureConsole.name, console === undefined ? undefined : String(console)],
    [ENV.sloTtft.name, slo?.time_to_first_token === undefined ? undefined : `${slo.time_to_first_token}ms`],
    [
      ENV.sloTpot.name,
      slo?.time_per_output_token === undefined ? undefined : `${slo.time_per_output_token}ms`,
    ],
    [ENV.sloDuration.name, slo?.request_duration === undefined ? undefined : `${slo.request_duration}ms`],
    [ENV.llmRoutes.name, routes?.join(',')],
    [ENV.providerName.name, provider],
    [ENV.captureContent.name, content === undefined ? undefined : String(content)],
    [ENV.observers.name, config.observers ? selectionText(selectedBy(config.observers)) : undefined],
  ];
  return Object.fromEntries(values.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function selectedBy(observers: NonNullable<Partial<Monitoring>['observers']>): ObserverSelection {
  return Object.fromEntries(
    OBSERVERS.filter((name) => observers[name]?.enabled !== false).map((name) => {
      const interval = observers[name]?.interval;
      return [name, interval === undefined ? {} : { interval }];
    }),
  );
}

/**
 * The program's variables: what the user has set stays as it is. What the program sends, and what is observed of it from
 * here, carry the same `llm.launch.id`.
 */
export function telemetryEnvironment(
  env: Readonly<NodeJS.ProcessEnv>,
  options: { endpoint?: string | undefined; serviceName?: string | undefined; launchId: string },
): NodeJS.ProcessEnv {
  const result: NodeJS.ProcessEnv = { ...env };
  if (options.endpoint) result['OTEL_EXPORTER_OTLP_ENDPOINT'] = options.endpoint;
  else result['OTEL_EXPORTER_OTLP_ENDPOINT'] ??= 'http://127.0.0.1:4318';
  result['OTEL_EXPORTER_OTLP_PROTOCOL'] ??= 'http/protobuf';
  for (const signal of ['TRACES', 'METRICS', 'LOGS']) result[`OTEL_${signal}_EXPORTER`] ??= 'otlp';
  if (options.serviceName) result['OTEL_SERVICE_NAME'] = options.serviceName;
  const given = env['OTEL_RESOURCE_ATTRIBUTES']?.split(',') ?? [];
  const others = given.filter((pair) => pair.trim() !== '' && !pair.trim().startsWith(`${ATTR.launchId}=`));
  result['OTEL_RESOURCE_ATTRIBUTES'] = [...others, `${ATTR.launchId}=${options.launchId}`].join(',');
  return result;
}

/**
 * What the machine is made of, in the resource attributes of a program that cannot tell itself; what the user has set
 * stays.
 */
export function withMachine(
  env: Readonly<NodeJS.ProcessEnv>,
  machine: Readonly<Record<string, string | number | boolean>>,
): NodeJS.ProcessEnv {
  const pairs = Object.entries(machine)
    .filter(([name]) => name !== ATTR.runtimeName && name !== ATTR.runtimeVersion)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const given = env['OTEL_RESOURCE_ATTRIBUTES'];
  return { ...env, OTEL_RESOURCE_ATTRIBUTES: [...pairs, ...(given ? [given] : [])].join(',') };
}

/**
 * Node itself gets `--import` as an argument, so that no other Node program it starts is instrumented by accident;
 * a program that may start Node (npm, npx, a shell script) gets it through NODE_OPTIONS.
 */
export function withRegister(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  register: string,
): { command: string[]; env: NodeJS.ProcessEnv } {
  const [program = '', ...args] = command;
  if (isNode(command)) return { command: [program, '--import', register, ...args], env };
  return {
    command: [...command],
    env: { ...env, NODE_OPTIONS: `${env['NODE_OPTIONS'] ?? ''} --import=${register}`.trim() },
  };
}

function isNode([program = '']: readonly string[]): boolean {
  return /^node(\.exe)?$/.test(basename(program));
}

/**
 * Node observes itself and its machine; of any other program that is done from here, and what it may start of Node
 * observes its own event loop only.
 */
export function sharedObservers(
  command: readonly string[],
  selection: ObserverSelection,
): { here: ObserverSelection; there: ObserverSelection } {
  if (isNode(command)) return { here: {}, there: selection };
  const { runtime, ...here } = selection;
  return { here, there: runtime ? { runtime } : {} };
}

async function runProgram(command: string[], options: RunOptions): Promise<number> {
  const register = new URL(
    import.meta.url.endsWith('.ts') ? '../register.ts' : '../register.js',
    import.meta.url,
  );
  if (!existsSync(fileURLToPath(register)))
    throw new CommandFailed(`${fileURLToPath(register)} is missing: the package is not built or not whole`);
  const { config } = readConfig(options.config ?? process.env[ENV.config.name], process.env);
  const env: NodeJS.ProcessEnv = {
    ...configEnvironment(config),
    ...telemetryEnvironment(process.env, { ...options, launchId: randomUUID() }),
  };
  const observers = sharedObservers(command, selected(env[ENV.observers.name]));
  env[ENV.observers.name] = selectionText(observers.there);
  const prepared = withRegister(
    command,
    isNode(command) ? env : withMachine(env, hostAttributes()),
    register.href,
  );
  const [program = '', ...args] = prepared.command;
  const child = spawn(program, args, { stdio: 'inherit', env: prepared.env });
  // Ctrl-C reaches the child through the terminal's process group: it decides how to end, and we end as it did.
  const wait = () => {};
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
  process.on('SIGINT', wait).on('SIGTERM', passOn).on('SIGHUP', passOn);
  const observed = child.pid === undefined ? undefined : observeFrom(child.pid, command, observers.here, env);
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new CommandFailed(
          error.code === 'ENOENT'
            ? `there is no program ${JSON.stringify(program)} on PATH`
            : `could not start ${program}: ${error.message}`,
        ),
      );
    });
    child.once('close', (code, signal) => {
      const end = () => {
        process.off('SIGINT', wait).off('SIGTERM', passOn).off('SIGHUP', passOn);
        resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
      };
      void stopObserving(observed).then(end, end);
    });
  });
}

type Observed = Promise<ObservedProgram | undefined>;

/** Loaded while the program starts. What fails here costs the program nothing. */
async function observeFrom(
  pid: number,
  command: readonly string[],
  selection: ObserverSelection,
  env: NodeJS.ProcessEnv,
): Observed {
  const disabled = env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true';
  if (disabled || Object.keys(selection).length === 0) return undefined;
  try {
    const { observeProgram } = await import('./observe-program.ts');
    return observeProgram({ pid, command, selection, env });
  } catch (error) {
    process.stderr.write(`llm-otel: the program is not observed: ${String(error)}\n`);
    return undefined;
  }
}

async function stopObserving(observed: Observed | undefined): Promise<void> {
  await (await observed)?.stop();
}

function selected(text: string | undefined): ObserverSelection {
  try {
    return readSelection(text);
  } catch (error) {
    throw new CommandFailed((error as Error).message);
  }
}
