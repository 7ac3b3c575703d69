#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addCollector } from './collector.ts';
import { addDoctor } from './doctor.ts';
import { addHub } from './hub.ts';
import { addImport } from './import.ts';
import { CommandFailed, say } from './output.ts';
import { addRun } from './run.ts';
import { addRuns } from './runs.ts';
import { addSync } from './sync.ts';
import { addUp } from './up.ts';

/** `llm-otel`: thin, one file a subcommand. */
async function main(argv: readonly string[]): Promise<void> {
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
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else if (error instanceof CommandFailed) {
      say(`llm-otel: ${error.message}`);
      process.exitCode = error.exitCode;
    } else {
      throw error;
    }
  }
}

function overrideExit(command: Command): void {
  command.exitOverride();
  for (const inner of command.commands) overrideExit(inner);
}

await main(process.argv);
