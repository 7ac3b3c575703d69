import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { ENV } from '../conventions/index.ts';
import { type SyncedJournal, type SyncReport, syncJournals } from '../training/index.ts';
import { ENDPOINT_HELP, endpointOption } from './endpoint-option.ts';
import { CommandFailed, print, printJson, visible } from './output.ts';

interface SyncFlags {
  journal?: string;
  endpoint?: string;
  run?: string;
  all?: boolean;
  trackersOnly?: boolean;
  json?: boolean;
}

export function addSync(program: Command): void {
  program
    .command('sync')
    .description(
      'deliver run journals that were left behind (a hub that was down, a process that was killed)',
    )
    .option(
      '--journal <folder>',
      `journal folder (default: ${ENV.journalDir.name}, else ${ENV.journalDir.default})`,
    )
    .addOption(endpointOption(ENDPOINT_HELP))
    .option('--run <id>', 'only this run')
    .option('--trackers-only', 'to the trackers that the programs had, and to no hub')
    .option('--all', 'send everything again, also what was delivered: a resent record is stored once')
    .option('--json', 'print the report as JSON')
    .action(async (flags: SyncFlags) => {
      if (flags.journal !== undefined && !existsSync(flags.journal))
        throw new CommandFailed(`--journal ${JSON.stringify(flags.journal)}: there is no such folder`, 2);
      const report = await syncJournals({
        ...(flags.journal === undefined ? {} : { journalDir: flags.journal }),
        ...(flags.endpoint === undefined ? {} : { endpoint: flags.endpoint }),
        ...(flags.run === undefined ? {} : { runId: flags.run }),
        all: flags.all ?? false,
        ...(flags.trackersOnly && { exporter: false }),
      });
      if (flags.json) printJson(report);
      else print(reportText(report));
      if (flags.run !== undefined && report.journals.length === 0)
        throw new CommandFailed(`there is no journal of run ${JSON.stringify(flags.run)} there`);
      if (report.failed > 0) process.exitCode = 1;
    });
}

const STATES: Record<SyncedJournal['state'], string> = {
  delivered: 'delivered',
  nothing: 'nothing to deliver',
  live: 'left alone: its process is running and delivers it itself',
  failed: 'NOT delivered',
};

export function reportText(report: SyncReport): string {
  if (report.journals.length === 0) return `no journals in ${report.journalDir}`;
  const lines = report.journals.map((journal) => {
    const facts = [
      journal.sent > 0 ? `${counted(journal.sent, 'record')} sent` : undefined,
      journal.refused > 0 ? `${journal.refused} refused for good` : undefined,
      journal.interrupted ? 'its process was gone: ended as interrupted' : undefined,
      journal.problems.length > 0
        ? `${counted(journal.problems.length, 'line')} could not be read`
        : undefined,
      asClause(journal.message) || undefined,
      ...journal.trackers.map(({ sink, target, status, sent, lag, lastError }) =>
        status === 'current'
          ? `${sent} records to ${sink} (${target})`
          : `${sink} (${target}) lacks ${lag} records: ${lastError ?? status}`,
      ),
    ].filter((fact) => fact !== undefined);
    const what = `${visible(journal.project)}/${visible(journal.name)} (${journal.runId}, rank ${journal.rank})`;
    return `${what}: ${STATES[journal.state]}${facts.length > 0 ? `; ${facts.join('; ')}` : ''}`;
  });
  lines.push(
    `${report.url === undefined ? 'sent to trackers only' : `${counted(report.sent, 'record')} accepted by ${report.url}`}${report.failed > 0 ? `; ${counted(report.failed, 'journal')} not delivered whole` : ''}`,
  );
  return lines.join('\n');
}

const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

/** A sentence as a part of another one. */
function asClause(sentence: string): string {
  return sentence.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()).replace(/\.$/, '');
}
