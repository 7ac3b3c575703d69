import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Monitoring } from '../config/index.ts';
import { ENV } from '../conventions/index.ts';
import { readConfig } from './hub.ts';
import { CommandFailed } from './output.ts';

export function addRun(program: Command): void {
  program
    .command('run')
    .description(
      'start a program with telemetry on: OTEL_* variables, and for Node also --import llm-otel/register',
    )
    .argument('<command...>', 'the program and its arguments, after --')
    .option('--endpoint <url>', 'where telemetry goes (OTLP over HTTP)', undefined)
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
  const observers = (['host', 'runtime'] as const).filter(
    (name) => config.observers?.[name]?.enabled !== false,
  );
  const values: [name: string, value: string | undefined][] = [
    [ENV.sloTtft.name, slo?.time_to_first_token === undefined ? undefined : `${slo.time_to_first_token}ms`],
    [
      ENV.sloTpot.name,
      slo?.time_per_output_token === undefined ? undefined : `${slo.time_per_output_token}ms`,
    ],
    [ENV.sloDuration.name, slo?.request_duration === undefined ? undefined : `${slo.request_duration}ms`],
    [ENV.llmRoutes.name, routes?.join(',')],
    [ENV.providerName.name, provider],
    [ENV.captureContent.name, content === undefined ? undefined : String(content)],
    [ENV.observers.name, config.observers ? observers.join(',') || 'none' : undefined],
  ];
  return Object.fromEntries(values.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** The program's variables: what the user has set stays as it is. */
export function telemetryEnvironment(
  env: Readonly<NodeJS.ProcessEnv>,
  options: { endpoint?: string | undefined; serviceName?: string | undefined },
): NodeJS.ProcessEnv {
  const result: NodeJS.ProcessEnv = { ...env };
  if (options.endpoint) result['OTEL_EXPORTER_OTLP_ENDPOINT'] = options.endpoint;
  else result['OTEL_EXPORTER_OTLP_ENDPOINT'] ??= 'http://127.0.0.1:4318';
  result['OTEL_EXPORTER_OTLP_PROTOCOL'] ??= 'http/protobuf';
  for (const signal of ['TRACES', 'METRICS', 'LOGS']) result[`OTEL_${signal}_EXPORTER`] ??= 'otlp';
  if (options.serviceName) result['OTEL_SERVICE_NAME'] = options.serviceName;
  return result;
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
  if (/^node(\.exe)?$/.test(basename(program)))
    return { command: [program, '--import', register, ...args], env };
  return {
    command: [...command],
    env: { ...env, NODE_OPTIONS: `${env['NODE_OPTIONS'] ?? ''} --import=${register}`.trim() },
  };
}

async function runProgram(command: string[], options: RunOptions): Promise<number> {
  const register = new URL(
    import.meta.url.endsWith('.ts') ? '../register.ts' : '../register.js',
    import.meta.url,
  );
  if (!existsSync(fileURLToPath(register)))
    throw new CommandFailed(`${fileURLToPath(register)} is missing: the package is not built or not whole`);
  const { config } = readConfig(options.config ?? process.env[ENV.config.name], process.env);
  const env = { ...configEnvironment(config), ...telemetryEnvironment(process.env, options) };
  const prepared = withRegister(command, env, register.href);
  const [program = '', ...args] = prepared.command;
  const child = spawn(program, args, { stdio: 'inherit', env: prepared.env });
  // Ctrl-C reaches the child through the terminal's process group: it decides how to end, and we end as it did.
  const wait = () => {};
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
  process.on('SIGINT', wait).on('SIGTERM', passOn).on('SIGHUP', passOn);
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
      process.off('SIGINT', wait).off('SIGTERM', passOn).off('SIGHUP', passOn);
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}
