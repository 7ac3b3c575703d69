import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { startDiagnostics } from '../telemetry/index.ts';
import { addCollector } from './collector.ts';
import { addDoctor } from './doctor.ts';
import { addHub } from './hub.ts';
import { addImport } from './import.ts';
import { CommandFailed, say } from './output.ts';
import { addRun } from './run.ts';
import { addRuns } from './runs.ts';
import { addSync } from './sync.ts';
import { addUp } from './up.ts';

/**
 * Runs what the arguments ask for; sets the exit code. Thin, one file a subcommand.
 *
 * @param argv as `process.argv`
 */
export async function runCommand(argv: readonly string[]): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = new Command('llm-otel')
    .description('OpenTelemetry instrumentation and monitoring for LLM training and serving')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(see llm-otel --help)')
    .exitOverride();
  for (const add of [addUp, addHub, addCollector, addRun, addRuns, addSync, addImport, addDoctor])
    add(program);
  for (const command of program.commands) overrideExit(command);
  // What is wrong with an OTEL_* variable must be heard here too.
  startDiagnostics(process.env);
  // `llm-otel runs export ID | head`: who reads may stop reading.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    const end = endOf(error);
    if (end === undefined) throw error;
    if (end.message !== undefined) say(`llm-otel: ${end.message}`);
    process.exitCode = end.exitCode;
  }
}

/**
 * What an error means for the person at the terminal; undefined for one that is a fault of ours, which keeps its
 * stack. Errors of a class of their own are made to be read, and so are those of the system.
 */
export function endOf(error: unknown): { exitCode: number; message?: string } | undefined {
  // commander has said it already
  if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2 };
  if (error instanceof CommandFailed) return { exitCode: error.exitCode, message: error.message };
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === 'EPIPE') return { exitCode: 0 };
  const ofItsOwnClass = !Object.hasOwn(globalThis, error.constructor.name);
  return ofItsOwnClass || syscall !== undefined ? { exitCode: 1, message: error.message } : undefined;
}

function overrideExit(command: Command): void {
  command.exitOverride();
  for (const inner of command.commands) overrideExit(inner);
}
