import { join } from 'node:path';
import type { Command } from 'commander';
import { ENV, type RunDetail, type SinkHealth } from '../conventions/index.ts';
import { readTrackers, type Tracker } from '../trackers/index.ts';
import { forwardRun, without } from './forward-run.ts';
import { readConfig, trackersOf } from './hub.ts';
import type { HubClient } from './hub-client.ts';
import { CommandFailed, print, printJson, say, visible } from './output.ts';

const DEFAULT_STATE = './.llm-otel/forward';
/** Most runs of `--all`. */
const MOST = 10_000;

interface ForwardFlags {
  all?: boolean;
  again?: boolean;
  config?: string;
  state: string;
  json?: boolean;
}

interface WhichHub {
  hub: string;
  token?: string;
}

interface Forwarded {
  run: string;
  rank: number;
  trackers: SinkHealth[];
}

/** `llm-otel runs forward`. `client`: the hub that the flags name. */
export function addForward(command: Command, client: (flags: WhichHub) => HubClient): void {
  command
    .description('send runs of a hub that have ended to the trackers of the configuration')
    .argument('[id...]')
    .option('--all', 'every run that has ended')
    .option('--again', 'also to trackers that the hub, or the run itself, has sent it to')
    .option('--config <file>', `configuration file (default: ${ENV.config.default} when it is there)`)
    .option('--state <folder>', 'where it is kept how far each run is', DEFAULT_STATE)
    .option('--json', 'print the report as JSON')
    .action(async (ids: string[], flags: ForwardFlags & WhichHub) => {
      if (ids.length > 0 === (flags.all === true))
        throw new CommandFailed('name runs, or give --all for every run that has ended', 2);
      const hub = client(flags);
      const trackers = configured(flags.config);
      const wanted = flags.all ? await endedRuns(hub) : ids;
      const report: Forwarded[] = [];
      for (const id of wanted) report.push(...(await forwardRanks(hub, await hub.run(id), trackers, flags)));
      if (flags.json) printJson(report);
      else print(forwardText(report));
      if (report.some((one) => one.trackers.some(isMissing))) process.exitCode = 1;
    });
}

function configured(file: string | undefined): Tracker[] {
  const { config } = readConfig(file ?? process.env[ENV.config.name], process.env);
  const trackers = readTrackers(trackersOf(config) ?? [], { env: process.env, warn: say });
  if (trackers.length > 0) return trackers;
  throw new CommandFailed(
    'the configuration names no tracker: experiment_tracking in monitoring.yaml, or --config with another file',
    2,
  );
}

async function endedRuns(hub: HubClient): Promise<string[]> {
  const { runs } = await hub.runs({ limit: MOST });
  return runs
    .filter(({ status }) => status !== 'running')
    .toSorted((a, b) => a.startedAt - b.startedAt)
    .map(({ id }) => id);
}

async function forwardRanks(
  hub: HubClient,
  run: RunDetail,
  trackers: readonly Tracker[],
  { again, state }: ForwardFlags,
): Promise<Forwarded[]> {
  if (run.status === 'running')
    throw new CommandFailed(
      `run ${visible(run.id)} is still running; a hub with these trackers in its configuration sends what comes from now on, this command the whole of a run that has ended`,
    );
  const done: Forwarded[] = [];
  for (const rank of run.ranks) {
    const missing = again
      ? trackers
      : without(
          trackers,
          run.sinks.filter((sink) => sink.rank === rank),
        );
    const dir = join(state, encodeURIComponent(run.id), String(rank));
    const onTrouble = (message: string): void => say(`run ${visible(run.id)}, rank ${rank}: ${message}`);
    const health = await forwardRun({ hub, run, rank, trackers: missing, dir, onTrouble });
    done.push({ run: run.id, rank, trackers: health });
  }
  return done;
}

function isMissing({ status, lag }: SinkHealth): boolean {
  return status !== 'current' || lag > 0;
}

export function forwardText(report: readonly Forwarded[]): string {
  if (report.length === 0) return 'no runs';
  return report
    .map(({ run, rank, trackers }) => {
      const facts = trackers.map((tracker) => {
        const { sink, target, status, sent, lag, refused, lastError } = tracker;
        const where = `${sink} (${target})`;
        if (isMissing(tracker))
          return `${where} lacks ${lag} records: ${lastError ?? status}; the same command goes on`;
        return `${where} has it, ${sent} records sent${refused > 0 ? `, ${refused} refused for good` : ''}`;
      });
      return `${visible(run)}, rank ${rank}: ${facts.length === 0 ? 'nothing to send' : facts.join('; ')}`;
    })
    .join('\n');
}
