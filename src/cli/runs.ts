import type { Command } from 'commander';
import { ENV, type RunDetail, type RunSummary } from '../conventions/index.ts';
import { EXPORT_FORMATS, type ExportFormat, type ExportFormatName } from '../trackers/index.ts';
import { exportRanks, hubSource, journalSource } from './export-source.ts';
import { DEFAULT_HUB, HubClient } from './hub-client.ts';
import { addForward } from './runs-forward.ts';
import { CommandFailed, formatDuration, print, printJson, say, table, visible } from './output.ts';

interface HubFlags {
  hub: string;
  token?: string;
  json?: boolean;
}

export function addRuns(program: Command): void {
  const runs = program.command('runs').description('runs of a hub: list, show, export, forward');
  const withHub = (command: Command) =>
    command
      .option('--hub <url>', 'address of the hub', DEFAULT_HUB)
      .option('--token <token>', `token of the hub (default: ${ENV.hubToken.name})`);

  withHub(runs.command('list').description('the newest runs first'))
    .option('--project <name>', 'only of this project')
    .option('--status <status>', 'only running, finished, failed, killed or interrupted ones')
    .option('--limit <number>', 'at most so many', '50')
    .option('--json', 'print them as JSON')
    .action(async (flags: HubFlags & { project?: string; status?: string; limit: string }) => {
      const limit = Number(flags.limit);
      if (!Number.isInteger(limit) || limit < 1)
        throw new CommandFailed(`--limit takes a number from 1, not ${JSON.stringify(flags.limit)}`, 2);
      const found = await client(flags).runs({
        limit,
        ...(flags.project === undefined ? {} : { project: flags.project }),
        ...(flags.status === undefined ? {} : { status: flags.status }),
      });
      if (flags.json) printJson(found.runs);
      else print(listText(found.runs, found.total));
    });

  withHub(runs.command('show').description('one run: parameters, keys, ranks').argument('<id>'))
    .option('--json', 'print it as JSON')
    .action(async (id: string, flags: HubFlags) => {
      const run = await client(flags).run(id);
      if (flags.json) printJson(run);
      else print(showText(run));
    });

  addForward(withHub(runs.command('forward')), client);

  const formats = Object.entries(EXPORT_FORMATS).map(([name, { help }]) => `${name}: ${help}`);
  withHub(runs.command('export').description('every record of a run, as a file').argument('<id>'))
    .option('--format <format>', formats.join('; '), 'json')
    .option(
      '--out <path>',
      'file to write, for tensorboard a folder (default: standard output, json and csv)',
    )
    .option('--journal <folder>', 'read the run from this journal folder, not from a hub')
    .option('--rank <number>', 'rank to export', '0')
    .option('--all-ranks', 'every rank of the run')
    .action(async (id: string, flags: HubFlags & ExportFlags) => {
      const format = exportFormat(flags);
      const source =
        flags.journal === undefined
          ? await hubSource(client(flags), id)
          : await journalSource(flags.journal, id);
      const ranks = flags.allRanks ? source.ranks : [rankOf(flags.rank)];
      const missing = ranks.find((rank) => !source.ranks.includes(rank));
      if (missing !== undefined)
        throw new CommandFailed(
          `run ${visible(id)} has no rank ${missing}; it has ${source.ranks.join(', ')}`,
        );
      const report = await exportRanks(source, ranks, format, flags.out ?? process.stdout);
      for (const problem of report.problems) say(problem);
      if (flags.out !== undefined)
        say(
          `${report.steps} steps of run ${visible(id)}, ${ranks.length === 1 ? `rank ${ranks[0]}` : `${ranks.length} ranks`}, written to ${flags.out}`,
        );
    });
}

interface ExportFlags {
  format: string;
  out?: string;
  journal?: string;
  rank: string;
  allRanks?: boolean;
}

function exportFormat({ format, out }: ExportFlags): ExportFormat {
  if (!Object.hasOwn(EXPORT_FORMATS, format))
    throw new CommandFailed(
      `--format takes ${Object.keys(EXPORT_FORMATS).join(', ')}, not ${JSON.stringify(format)}`,
      2,
    );
  const found: ExportFormat = EXPORT_FORMATS[format as ExportFormatName];
  if (found.output !== 'text' && out === undefined)
    throw new CommandFailed(`--format ${format} needs --out with a ${found.output}`, 2);
  return found;
}

function rankOf(flag: string): number {
  const rank = Number(flag);
  if (Number.isInteger(rank) && rank >= 0) return rank;
  throw new CommandFailed(`--rank takes a number from 0, not ${JSON.stringify(flag)}`, 2);
}

function client(flags: HubFlags): HubClient {
  return new HubClient(flags.hub, flags.token ?? process.env[ENV.hubToken.name]);
}

export function listText(runs: readonly RunSummary[], total: number): string {
  if (runs.length === 0) return 'no runs';
  const rows = runs.map((run) => [
    run.id,
    run.project,
    run.name,
    run.status,
    run.lastStep,
    valueText(run.last['train/loss']?.value),
    formatDuration((run.endedAt ?? run.updatedAt) - run.startedAt),
    new Date(run.startedAt).toISOString().replace('T', ' ').slice(0, 19),
  ]);
  const text = table(
    ['id', 'project', 'name', 'status', 'last step', 'loss', 'duration', 'started (UTC)'],
    rows,
  );
  return total > runs.length ? `${text}\n${runs.length} of ${total} runs; --limit shows more` : text;
}

export function showText(run: RunDetail): string {
  const facts: [string, string][] = [
    ['run', run.id],
    ['name', visible(`${run.project}/${run.name}`)],
    ['status', run.status],
    ['started', new Date(run.startedAt).toISOString()],
    ['ended', run.endedAt === null ? '-' : new Date(run.endedAt).toISOString()],
    ['attempt', String(run.attempt)],
    ['last step', String(run.lastStep ?? '-')],
    // of all ranks, those of validations too
    ['step records', String(run.steps)],
    ['not finite', String(run.nonFinite)],
  ];
  const parts = [facts.map(([name, value]) => `${name.padEnd(14)}${value}`).join('\n')];
  const pairs = (title: string, values: Record<string, unknown>) => {
    const rows = Object.entries(values).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    if (rows.length > 0) parts.push(table([title, 'value'], rows));
  };
  pairs('parameter', run.params);
  pairs('tag', run.tags);
  if (run.keys.length > 0) {
    const rows = run.keys.map((key) => [
      key.key,
      key.points,
      key.nonFinite,
      valueText(key.min?.value),
      valueText(key.max?.value),
      valueText(key.last.value),
    ]);
    parts.push(table(['key', 'points', 'not finite', 'min', 'max', 'last'], rows));
  }
  if (run.records.length > 0) {
    const rows = run.records.map((record) => [record.rank, record.stored, record.highestSeq, record.missing]);
    parts.push(table(['rank', 'records', 'highest seq', 'missing'], rows));
  }
  for (const note of run.notes)
    parts.push(`${new Date(note.time).toISOString()} ${note.severity}: ${visible(note.text)}`);
  return parts.join('\n\n');
}

function valueText(value: number | string | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === 'number' && !Number.isInteger(value)
    ? String(Number(value.toPrecision(5)))
    : String(value);
}
