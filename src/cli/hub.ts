import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { ConfigError, type LoadedConfig, loadConfig } from '../config/index.ts';
import { ENV, parseSize } from '../conventions/index.ts';
import type { Hub, HubOptions } from '../hub/index.ts';
import { configuredTrackers } from '../trackers/index.ts';
import { CommandFailed, print, say } from './output.ts';
import { signalled } from './signalled.ts';
import { writeTokenFile } from './token-file.ts';

const DEFAULT_DATA_DIR = './.llm-otel';

interface HubFlags {
  config?: string;
  host?: string;
  port?: string;
  otlpPort?: string | false;
  dataDir?: string;
  token?: string;
  auth?: string;
}

export function addHub(program: Command): void {
  program
    .command('hub')
    .description('receive OTLP, keep it, and show it: the page, the API and the store in one process')
    .option('--config <file>', `configuration file (default: ${ENV.config.default} when it is there)`)
    .option('--host <address>', 'address to listen on (default 127.0.0.1; another one needs a token)')
    .option('--port <number>', 'port of page, API and OTLP (default 4319)')
    .option('--otlp-port <number>', 'second port, for OTLP only (default 4318)')
    .option('--no-otlp-port', 'do not listen on the second port: a Collector owns it')
    .option('--data-dir <folder>', 'where everything is kept (default ./.llm-otel)')
    .option('--token <token>', `token that clients must give (better: ${ENV.hubToken.name})`)
    .option('--auth <none|token>', 'ask for the token on this machine too')
    .action(async (flags: HubFlags) => {
      const hub = await openHub(hubOptions(flags, process.env));
      print(`hub: page and API at ${hub.pageUrl}`);
      print(`hub: OTLP at ${hub.otlpUrl}`);
      await signalled();
      say('hub: stopping ...');
      await hub.stop();
    });
}

/**
 * Starts a hub; a port that is taken, or options that cannot be, are said without a stack. A token that the hub made
 * for itself is in a file while it runs: printed, it would be in logs.
 */
export async function openHub(options: HubOptions): Promise<Hub> {
  // Only where it is run: SQLite says on some versions of Node that it is experimental.
  const { HubOptionsError, ListenError, startHub } = await import('../hub/index.ts');
  try {
    const hub = await startHub(options);
    if (hub.token === undefined) return hub;
    const made = options.token === undefined;
    const kept = made ? writeTokenFile(options.dataDir ?? DEFAULT_DATA_DIR, hub.token) : undefined;
    const where = kept === undefined ? 'the token that it was given' : `the token in ${kept.path}`;
    say(
      `hub: the address of the page opens one session, within an hour; further browsers open ${hub.url}/?token=TOKEN ` +
        `and programs send "Authorization: Bearer TOKEN", with ${where}`,
    );
    const stop = () => hub.stop().finally(() => kept?.remove());
    return { ...hub, stop };
  } catch (error) {
    if (error instanceof ListenError || error instanceof HubOptionsError)
      throw new CommandFailed(error.message);
    throw error;
  }
}

/** Flags win over the configuration file, the file over the defaults. */
export function hubOptions(flags: HubFlags, env: NodeJS.ProcessEnv): HubOptions {
  const { config } = readConfig(flags.config ?? env[ENV.config.name], env);
  const hub = config.hub ?? {};
  const otlpPort =
    flags.otlpPort === false ? false : (number('--otlp-port', flags.otlpPort) ?? hub.otlp_port);
  if (flags.auth !== undefined && flags.auth !== 'none' && flags.auth !== 'token') {
    throw new CommandFailed(`--auth takes none or token, not ${JSON.stringify(flags.auth)}`, 2);
  }
  const auth = flags.auth ?? hub.auth;
  const slo = config.serving?.slo;
  return {
    host: flags.host ?? hub.host,
    port: number('--port', flags.port) ?? hub.port,
    ...(otlpPort === undefined ? {} : { otlpPort }),
    dataDir: flags.dataDir ?? hub.data_dir ?? DEFAULT_DATA_DIR,
    retentionMs: hub.retention,
    maxBytes: hub.max_size === undefined ? undefined : parseSize(hub.max_size),
    token: flags.token ?? (env[ENV.hubToken.name] || undefined) ?? hub.token?.reveal(),
    allowedHosts: hub.allowed_hosts,
    ...(auth === undefined ? {} : { auth }),
    ...(slo ? { slo } : {}),
    dashboard: config.dashboard,
    trackers: trackersOf(config),
    log: (level, message) => say(`hub: ${level === 'info' ? '' : `${level}: `}${message}`),
  };
}

/** Trackers of a configuration. */
export function trackersOf({ experiment_tracking: section }: LoadedConfig['config']): HubOptions['trackers'] {
  try {
    return configuredTrackers(section);
  } catch (error) {
    throw new CommandFailed(error instanceof Error ? error.message : String(error), 2);
  }
}

/** @param file as the user named it; without a name the default file is read when it is there */
export function readConfig(file: string | undefined, env: NodeJS.ProcessEnv): LoadedConfig {
  const path = file ?? ENV.config.default;
  if (file === undefined && !existsSync(path)) return { config: {}, warnings: [], file: path };
  try {
    const loaded = loadConfig(path, env);
    for (const warning of loaded.warnings) say(`${path}: ${warning}`);
    return loaded;
  } catch (error) {
    if (error instanceof ConfigError)
      throw new CommandFailed(`the configuration cannot be used:\n${error.message}`);
    throw error;
  }
}

function number(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new CommandFailed(`${flag} takes a port, 0 to 65535, not ${JSON.stringify(value)}`, 2);
  return port;
}
