import type { Command } from 'commander';
import { parseSize } from '../conventions/index.ts';
import { DEFAULT_BACK_OFF } from '../training/delivery/back-off.ts';
import { ENDPOINT_HELP, endpointOption } from './endpoint-option.ts';
import { filesOf, type ImportedFile, importFiles } from './import-files.ts';
import { ImportSender } from './import-sender.ts';
import { CommandFailed, print, printJson, say, visible } from './output.ts';

interface ImportFlags {
  endpoint?: string;
  patience: string;
  maxLine: string;
  dryRun?: boolean;
  json?: boolean;
}

export function addImport(program: Command): void {
  program
    .command('import')
    .description(
      "send what the Collector's file destination wrote (OTLP JSON lines) to an OTLP endpoint, such as a hub",
    )
    .argument('<file...>', 'files (.gz and .zst too), folders of .jsonl files, or - for standard input')
    .addOption(endpointOption(ENDPOINT_HELP))
    .option('--patience <n>', 'failures in a row before the receiver is given up', '8')
    .option('--max-line <size>', 'a longer line is left out as unreadable', '128MiB')
    .option('--dry-run', 'read and count only')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nSpans, points and the records of runs that the hub has already are recognised: to send them again is harmless.\n' +
        'Exit codes: 0 everything readable was accepted, 1 something was refused, damaged or not delivered, 2 wrong usage.',
    )
    .action(async (paths: string[], flags: ImportFlags) => {
      const report = await runImport(paths, flags);
      if (flags.json) printJson(report);
      else print(reportText(report));
      if (!report.complete) process.exitCode = 1;
    });
}

export interface ImportReport {
  /** Receiver, without credentials; null when nothing was to be sent. */
  url: string | null;
  files: ImportedFile[];
  sent: number;
  refused: number;
  torn: number;
  unreadable: number;
  /** Everything that could be read was accepted. Torn ends are no loss: their sender got no acknowledgement. */
  complete: boolean;
}

async function runImport(paths: readonly string[], flags: ImportFlags): Promise<ImportReport> {
  const patience = Number(flags.patience);
  if (!Number.isInteger(patience) || patience < 1)
    throw new CommandFailed(
      `--patience ${JSON.stringify(flags.patience)}: expected a whole number from 1`,
      2,
    );
  let maxLineBytes: number;
  try {
    maxLineBytes = parseSize(flags.maxLine);
  } catch (error) {
    throw new CommandFailed(`--max-line: ${(error as Error).message}`, 2);
  }
  const files = filesOf(paths);
  const sender = flags.dryRun
    ? undefined
    : new ImportSender({
        endpoint: flags.endpoint,
        env: process.env,
        patience,
        backOff: DEFAULT_BACK_OFF,
        warn: (message) => say(`llm-otel: ${message}`),
      });
  try {
    const imported = await importFiles(files, {
      send: sender && ((requests) => sender.send(requests)),
      maxLineBytes,
    });
    return summary(sender?.url ?? null, imported);
  } finally {
    sender?.close();
  }
}

export function summary(url: string | null, files: ImportedFile[]): ImportReport {
  const sum = (of: (file: ImportedFile) => number): number =>
    files.reduce((total, file) => total + of(file), 0);
  const refused = sum((file) => file.refused);
  const unreadable = sum((file) => file.unreadable);
  return {
    url,
    files,
    sent: sum((file) => file.sent),
    refused,
    torn: sum((file) => file.torn),
    unreadable,
    complete: refused === 0 && unreadable === 0 && files.every(({ state }) => state === 'read'),
  };
}

export function reportText(report: ImportReport): string {
  const lines = report.files.flatMap((file) => [
    `${visible(file.file)}: ${outcome(file, report.url !== null)}`,
    ...file.problems.map(({ line, kind, message }) => `  line ${line}: ${kind}, ${visible(message)}`),
  ]);
  const { url, sent, refused, torn, unreadable } = report;
  lines.push(
    url === null
      ? 'nothing was sent (--dry-run)'
      : `${sent} spans, points and records accepted by ${url}; ${refused} refused, ${unreadable} pieces unreadable, ${torn} torn ends`,
  );
  return lines.join('\n');
}

const STATES: Record<ImportedFile['state'], (file: ImportedFile) => string> = {
  read: () => '',
  stopped: ({ stoppedAt, message }) =>
    `; STOPPED at line ${stoppedAt}: ${message}. Everything before that line is through; run it again for the rest`,
  failed: ({ message }) => `; FAILED: ${message}`,
  waiting: () => '; NOT BEGUN',
};

function outcome(file: ImportedFile, sending: boolean): string {
  const facts = [
    `${file.requests} requests`,
    sending ? `${file.sent} items sent` : undefined,
    file.refused > 0 ? `${file.refused} REFUSED` : undefined,
    file.unreadable > 0 ? `${file.unreadable} pieces UNREADABLE` : undefined,
    file.torn > 0 ? `${file.torn} torn` : undefined,
  ].filter((fact) => fact !== undefined);
  return facts.join(', ') + visible(STATES[file.state](file));
}
