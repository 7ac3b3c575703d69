import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import {
  buildCollector,
  checkConfig,
  checkEnvironment,
  CHECKSUMS_URL,
  COLLECTOR_IMAGE,
  COLLECTOR_VERSION,
  type CollectorPlan,
  type ConfigFinding,
  type ConfigSource,
  DESTINATIONS,
  downloadCollector,
  fileSource,
  findCollector,
  findingText,
  type FoundCollector,
  neededComponents,
  releaseUrl,
  runCollector,
  validateByCollector,
} from '../collector/index.ts';
import { addPlanFlags, type PlanFlags, readPlan } from './collector-plan.ts';
import { CommandFailed, print, printJson, say, table } from './output.ts';
import { signalled } from './signalled.ts';

export function addCollector(program: Command): void {
  const collector = program
    .command('collector')
    .description('compose, check, run or get an OpenTelemetry Collector that fans out to every destination');
  addPlanFlags(collector.command('config'))
    .description('print the final configuration, out of monitoring.yaml, environment and flags')
    .option('--out <file>', 'write it into a file')
    .option('--list', 'list the destinations')
    .action(printConfig);
  addPlanFlags(collector.command('validate'))
    .description(
      'check the configuration: by our own check with lines, and by a real Collector when one is found',
    )
    .argument('[files...]', 'Collector files to check instead, in the order of --config')
    .option('--no-collector', 'only our own check')
    .option('--json', 'print the findings as JSON')
    .action(validate);
  addPlanFlags(collector.command('run'))
    .description('run a Collector and keep it running; says in plain words how its destinations do')
    .option('--log', "show the Collector's own log")
    .option('--grace <seconds>', 'time to finish after SIGTERM', '10')
    .action(run);
  collector
    .command('install')
    .description('get a Collector: build ours with Go, or download an official release')
    .option('--download', 'download instead of building; needs --sha256')
    .option(
      '--url <url>',
      `archive to download (default: the official release ${COLLECTOR_VERSION} for this platform)`,
    )
    .option('--sha256 <hex>', 'expected SHA-256 of the archive')
    .option('--image', 'name the container image')
    .action(install);
}

function printConfig(flags: PlanFlags & { out?: string; list?: boolean }): void {
  if (flags.list) {
    print(table(['destination', 'what'], Object.entries(DESTINATIONS)));
    return;
  }
  const { plan } = readPlan(flags, process.env);
  if (flags.out === undefined) print(plan.yaml.trimEnd());
  else {
    mkdirSync(dirname(flags.out), { recursive: true });
    writeFileSync(flags.out, plan.yaml);
    say(`written to ${flags.out}`);
  }
  const findings = checkConfig(plan.sources, { env: checkEnvironment(plan, process.env) });
  for (const finding of findings) say(findingText(finding));
}

interface Validated {
  findings: ConfigFinding[];
  /** The Collector that was asked, or why none was. */
  collector: { path: string; version: string } | null;
  note: string | null;
}

async function validate(
  files: string[],
  flags: PlanFlags & { collector: boolean; json?: boolean },
): Promise<void> {
  const { plan, config } = readPlan(flags, process.env);
  let sources: readonly ConfigSource[];
  try {
    sources = files.length > 0 ? files.map(fileSource) : plan.sources;
  } catch (error) {
    throw new CommandFailed((error as Error).message);
  }
  const env = files.length > 0 ? process.env : checkEnvironment(plan, process.env);
  const result: Validated = { findings: checkConfig(sources, { env }), collector: null, note: null };
  if (flags.collector && !result.findings.some(isError)) {
    const { found, note } = await find(config.collector?.binary, sources);
    result.note = note;
    if (found) {
      result.collector = { path: found.path, version: found.version };
      result.findings.push(
        ...(await validateByCollector(found.path, sources, { env: { ...process.env, ...env } })),
      );
    }
  }
  if (flags.json) printJson(result);
  else {
    for (const finding of result.findings) print(findingText(finding));
    if (result.note) say(result.note);
    const errors = result.findings.filter(isError).length;
    const by = result.collector
      ? `our check and by Collector ${result.collector.version} (${result.collector.path})`
      : 'our check';
    print(
      errors > 0
        ? `${errors} error${errors === 1 ? '' : 's'} (checked by ${by})`
        : `valid (checked by ${by})`,
    );
  }
  if (result.findings.some(isError)) process.exitCode = 1;
}

const isError = ({ severity }: ConfigFinding) => severity === 'error';

async function find(
  binary: string | undefined,
  sources: readonly ConfigSource[],
): Promise<{ found?: FoundCollector; note: string | null }> {
  let search;
  try {
    search = await findCollector({ env: process.env, binary, needed: neededComponents(sources) });
  } catch (error) {
    throw new CommandFailed((error as Error).message);
  }
  if (search.found) return { found: search.found, note: null };
  const passed = search.passedOver.map(({ path, reason }) => `${path} is passed over: ${reason}`);
  return {
    note: [
      'no Collector was found ($OTELCOL, PATH, cache); "llm-otel collector install" gets one',
      ...passed,
    ].join('\n'),
  };
}

/** A Collector for a plan whose configuration was checked. @throws CommandFailed with what to do */
export async function readyToRun(plan: CollectorPlan, binary: string | undefined): Promise<FoundCollector> {
  const findings = checkConfig(plan.sources, { env: checkEnvironment(plan, process.env) });
  for (const finding of findings) say(findingText(finding));
  if (findings.some(isError))
    throw new CommandFailed('the configuration of the Collector cannot be used; see above');
  const { found, note } = await find(binary, plan.sources);
  if (!found) throw new CommandFailed(note ?? 'no Collector was found');
  return found;
}

export const collectorLog = (level: 'info' | 'warn' | 'error', message: string): void =>
  say(`collector: ${level === 'info' ? '' : `${level}: `}${message}`);

async function run(flags: PlanFlags & { log?: boolean; grace: string }): Promise<void> {
  const graceMs = Number(flags.grace) * 1000;
  if (!(graceMs >= 0))
    throw new CommandFailed(`--grace takes seconds, not ${JSON.stringify(flags.grace)}`, 2);
  const { plan, config } = readPlan(flags, process.env);
  const found = await readyToRun(plan, config.collector?.binary);
  const running = runCollector({
    plan,
    path: found.path,
    env: process.env,
    log: collectorLog,
    graceMs,
    ...(flags.log ? { line: say } : {}),
  });
  const stop = signalled();
  const first = await Promise.race([
    stop.then(() => 'stop' as const),
    running.ready.then(() => 'ready' as const, failed),
  ]);
  if (first === 'ready') {
    print(`collector: ${found.version} from ${found.from} (${found.path})`);
    print(
      `collector: OTLP at ${plan.endpoints.http} (HTTP) and ${plan.endpoints.grpc} (gRPC); sends to ${plan.destinations.join(', ')}`,
    );
    print(
      `collector: health ${plan.endpoints.health}, metrics ${plan.endpoints.metrics}, state ${plan.stateDir}`,
    );
    await Promise.race([stop, running.ended.catch(failed)]);
  }
  for (const { destination, message } of await running.status())
    collectorLog('info', `${destination}: ${message}`);
  collectorLog('info', 'stopping ...');
  await running.stop();
}

function failed(error: unknown): never {
  throw new CommandFailed((error as Error).message);
}

async function install(flags: {
  download?: boolean;
  url?: string;
  sha256?: string;
  image?: boolean;
}): Promise<void> {
  if (flags.image) {
    print(COLLECTOR_IMAGE);
    say(
      `e.g. docker run --network host -v "$PWD:/work" -w /work ${COLLECTOR_IMAGE} --config .llm-otel/collector/collector.yaml`,
    );
    return;
  }
  try {
    if (flags.download || flags.url !== undefined || flags.sha256 !== undefined) {
      const url = flags.url ?? releaseUrl(process.platform, process.arch);
      if (!url)
        throw new Error(
          `there is no official release for ${process.platform}-${process.arch}; build one with Go, or give --url`,
        );
      if (!flags.sha256)
        throw new Error(
          `a download needs --sha256, the checksum of the archive: see ${CHECKSUMS_URL} (for ${url.slice(url.lastIndexOf('/') + 1)})`,
        );
      const { path, downloaded } = await downloadCollector({ url, sha256: flags.sha256, env: process.env });
      say(downloaded ? `downloaded ${url}` : 'it is there already');
      print(path);
      return;
    }
    say('building the Collector of llm-otel with Go; the first time takes minutes ...');
    const { path, built } = await buildCollector({
      env: process.env,
      log: (line) => line.startsWith('go: downloading') || say(line),
    });
    if (!built) say('it is there already');
    print(path);
  } catch (error) {
    throw new CommandFailed((error as Error).message);
  }
}
