import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { ConfigError, loadConfig } from '../config/index.ts';
import { ENV } from '../conventions/index.ts';
import { createEventExporter, inspectApiCopies } from '../telemetry/index.ts';
import { checkMlflow, configuredTrackers, type TrackerOptions } from '../trackers/index.ts';
import { DEFAULT_HUB } from './hub-client.ts';
import { isNewEnough, OLDEST_NODE } from '../conventions/node-version.ts';
import { print, printJson } from './output.ts';

/** One thing that was looked at. `advice` says what to do when it is not `ok`. */
export interface Finding {
  check: string;
  state: 'ok' | 'warn' | 'fail';
  message: string;
  advice?: string;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'check Node, packages, duplicate API copies, endpoint, hub and permissions, and say what to do',
    )
    .option('--json', 'print the findings as JSON')
    .option('--hub <url>', 'address of the hub', DEFAULT_HUB)
    .option('--config <file>', 'configuration file to check')
    .option('--data-dir <folder>', "the hub's data folder", './.llm-otel')
    .action(async (options: { json?: boolean; hub: string; config?: string; dataDir: string }) => {
      const findings = [
        nodeVersion(process.versions.node),
        ...packages(),
        ...apiCopies(),
        await endpoint(),
        await hub(options.hub),
        folder('journal folder', process.env[ENV.journalDir.name] ?? ENV.journalDir.default),
        folder('data folder', options.dataDir),
        ...configuration(options.config ?? process.env[ENV.config.name]),
        ...(await mlflow(options.config ?? process.env[ENV.config.name])),
      ];
      if (options.json) printJson(findings);
      else for (const finding of findings) print(line(finding));
      if (findings.some((finding) => finding.state === 'fail')) process.exitCode = 1;
    });
}

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

function line({ check, state, message, advice }: Finding): string {
  return `${MARKS[state]}  ${check}: ${message}${advice ? `\n      -> ${advice}` : ''}`;
}

export function nodeVersion(version: string): Finding {
  return isNewEnough(version)
    ? { check: 'Node', state: 'ok', message: version }
    : {
        check: 'Node',
        state: 'fail',
        message: `${version} is too old`,
        advice: `use Node ${OLDEST_NODE} or newer`,
      };
}

/** The OpenTelemetry packages at the versions that this package was made for. */
function packages(): Finding[] {
  const own = new URL('../../package.json', import.meta.url);
  const { dependencies } = JSON.parse(readFileSync(own, 'utf8')) as { dependencies: Record<string, string> };
  const require = createRequire(own);
  const wrong: string[] = [];
  let seen = 0;
  for (const [name, wanted] of Object.entries(dependencies)) {
    if (!name.startsWith('@opentelemetry/')) continue;
    seen++;
    const found = installedVersion(require, name);
    if (found !== wanted) wrong.push(`${name} ${found ?? 'missing'} (wanted ${wanted})`);
  }
  return [
    wrong.length === 0
      ? { check: 'packages', state: 'ok', message: `${seen} OpenTelemetry packages at their pinned versions` }
      : {
          check: 'packages',
          state: 'fail',
          message: wrong.join(', '),
          advice: 'remove node_modules and install again; look for overrides in package.json',
        },
  ];
}

/** Read from the package's folder: most of them do not export their package.json. */
function installedVersion(require: NodeJS.Require, name: string): string | undefined {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string })
        .version;
    } catch {
      // not in this folder; the next one up may have it
    }
  }
  return undefined;
}

function apiCopies(): Finding[] {
  const { copies, problems } = inspectApiCopies({ deep: true });
  if (problems.length > 0)
    return problems.map((message) => ({ check: '@opentelemetry/api', state: 'fail', message }));
  const version = copies[0]?.version;
  return [
    version
      ? { check: '@opentelemetry/api', state: 'ok', message: `one copy, ${version}` }
      : {
          check: '@opentelemetry/api',
          state: 'fail',
          message: 'not found',
          advice: 'npm install @opentelemetry/api@1.9.1',
        },
  ];
}

/** Sends an empty request, which OTLP defines as a success: it stores nothing. */
async function endpoint(): Promise<Finding> {
  const exporter = createEventExporter({ timeoutMs: 3000 });
  const check = `endpoint ${exporter.url}`;
  const outcome = await exporter.export([]);
  await exporter.shutdown();
  if (outcome.ok) return { check, state: 'ok', message: 'accepts OTLP' };
  const advice = {
    unavailable:
      'start a hub (llm-otel hub) or a Collector, or set OTEL_EXPORTER_OTLP_ENDPOINT to where yours listens',
    unauthorized: 'set OTEL_EXPORTER_OTLP_HEADERS, e.g. authorization=Bearer%20TOKEN',
    refused: 'something that is no OTLP/HTTP receiver answers there: check host, port and path',
  }[outcome.kind];
  return { check, state: 'fail', message: outcome.message, advice };
}

async function hub(base: string): Promise<Finding> {
  const check = `hub ${base}`;
  try {
    const response = await fetch(new URL('/healthz', base), { signal: AbortSignal.timeout(3000) });
    if (response.ok) return { check, state: 'ok', message: 'is up' };
    return {
      check,
      state: 'warn',
      message: `answers ${response.status}`,
      advice: 'is it a hub? name yours with --hub',
    };
  } catch (error) {
    const code = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name;
    return {
      check,
      state: 'warn',
      message: `does not answer (${code})`,
      advice: 'start one with "llm-otel hub", or name yours with --hub',
    };
  }
}

function folder(check: string, path: string): Finding {
  const full = resolve(path);
  try {
    // The nearest folder that is there decides: the rest is made when it is needed.
    let at = full;
    while (!existsSync(at)) at = dirname(at);
    accessSync(at, constants.W_OK | constants.X_OK);
    if (at === full) mkdirSync(full, { recursive: true });
    return { check, state: 'ok', message: `${path} can be written` };
  } catch (error) {
    return {
      check,
      state: 'fail',
      message: `${path}: ${(error as Error).message}`,
      advice: 'choose another folder or change its permissions',
    };
  }
}

function configuration(file: string | undefined): Finding[] {
  const path = file ?? ENV.config.default;
  if (file === undefined && !existsSync(path)) return [];
  try {
    const { warnings } = loadConfig(path);
    return [
      {
        check: `configuration ${path}`,
        state: warnings.length > 0 ? 'warn' : 'ok',
        message: warnings.join('; ') || 'valid',
      },
    ];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [
      {
        check: `configuration ${path}`,
        state: 'fail',
        message: error.message,
        advice: 'see docs/configuration.md',
      },
    ];
  }
}

/** The MLflow server, where one is configured or MLFLOW_TRACKING_URI names one. */
async function mlflow(file: string | undefined): Promise<Finding[]> {
  const path = file ?? ENV.config.default;
  let options: Extract<TrackerOptions, { platform: 'mlflow' }> | undefined;
  try {
    const section = existsSync(path) ? loadConfig(path).config.experiment_tracking : undefined;
    options = configuredTrackers(section).find(
      (tracker): tracker is NonNullable<typeof options> =>
        'platform' in tracker && tracker.platform === 'mlflow',
    );
  } catch {
    // the check of the configuration says it
  }
  if (!options && !process.env['MLFLOW_TRACKING_URI']) return [];
  return (await checkMlflow(options ?? {}, process.env)).map((found) => ({ check: 'MLflow', ...found }));
}
