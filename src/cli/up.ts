import type { Command } from 'commander';
import { runCollector } from '../collector/index.ts';
import { collectorLog, readyToRun } from './collector.ts';
import { addPlanFlags, type PlanFlags, readPlan } from './collector-plan.ts';
import { hubOptions, openHub } from './hub.ts';
import { CommandFailed, print, say } from './output.ts';
import { signalled } from './signalled.ts';

interface UpFlags extends PlanFlags {
  hubHost?: string;
  port?: string;
  dataDir?: string;
  token?: string;
  collector: boolean;
  log?: boolean;
}

export function addUp(program: Command): void {
  addPlanFlags(program.command('up'))
    .description(
      'run the hub and a Collector before it: programs send to the Collector, which sends to the hub and the other destinations',
    )
    .option('--hub-host <address>', 'address of the hub (default 127.0.0.1)')
    .option('--port <number>', 'port of the hub: page, API and OTLP (default 4319)')
    .option('--data-dir <folder>', "the hub's data (default ./.llm-otel)")
    .option('--token <token>', 'token of the hub')
    .option('--no-collector', 'without a Collector: the hub takes OTLP on 4318 itself')
    .option('--log', "show the Collector's own log")
    .action(up);
}

async function up(flags: UpFlags): Promise<void> {
  const hubFlags = {
    ...(flags.config === undefined ? {} : { config: flags.config }),
    ...(flags.hubHost === undefined ? {} : { host: flags.hubHost }),
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.dataDir === undefined ? {} : { dataDir: flags.dataDir }),
    ...(flags.token === undefined ? {} : { token: flags.token }),
  };
  if (!flags.collector) {
    const hub = await openHub(hubOptions(hubFlags, process.env));
    print(`hub: page and API at ${hub.pageUrl}`);
    print(`hub: OTLP at ${hub.otlpUrl}; no Collector in between`);
    await signalled();
    await hub.stop();
    return;
  }
  // What is wrong with the Collector is said before anything is started.
  const first = readPlan(flags, process.env);
  const found = await readyToRun(first.plan, first.config.collector?.binary);
  const hub = await openHub({ ...hubOptions(hubFlags, process.env), otlpPort: false });
  let problem: Error | undefined;
  try {
    const { plan } = readPlan(
      flags,
      { ...process.env, ...tokenOf(hub.token ?? flags.token) },
      { HUB_ENDPOINT: flags.hubEndpoint ?? hub.url },
    );
    const running = runCollector({
      plan,
      path: found.path,
      env: process.env,
      log: collectorLog,
      ...(flags.log ? { line: say } : {}),
    });
    const stop = signalled();
    try {
      await Promise.race([running.ready, stop]);
      print(`hub: page and API at ${hub.pageUrl}`);
      print(
        `collector: OTLP at ${plan.endpoints.http} (HTTP) and ${plan.endpoints.grpc} (gRPC); sends to ${plan.destinations.join(', ')}`,
      );
      if (!plan.destinations.includes('hub'))
        say('collector: warn: hub is not among its destinations: the page stays empty');
      await Promise.race([stop, running.ended]);
    } catch (error) {
      problem = error as Error;
    }
    say('stopping ...');
    // The Collector first: what it still holds for the hub finds it.
    await running.stop();
  } finally {
    await hub.stop();
  }
  if (problem) throw new CommandFailed(problem.message);
}

function tokenOf(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { LLM_OTEL_HUB_TOKEN: token };
}
