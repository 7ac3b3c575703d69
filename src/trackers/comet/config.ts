import type { OptionNames } from '../../conventions/index.ts';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { revealed, type PlatformContext, type SecretText } from '../platform.ts';

/** Options of the Comet sink; what is not given comes from Comet's own variables. */
export interface CometOptions {
  /** Default COMET_API_KEY, else `api_key` of ~/.comet.config, as `comet login` leaves it. */
  apiKey?: SecretText;
  /** Default COMET_PROJECT_NAME, else the run's project. */
  projectName?: string;
  /** Default COMET_WORKSPACE, else the default workspace of the key. */
  workspace?: string;
  /** Default COMET_START_EXPERIMENT_NAME, else the run's name. */
  experimentName?: string;
  /** 32 to 50 letters and digits. Default COMET_EXPERIMENT_KEY, else made of the run's id and rank. */
  experimentKey?: string;
  /** Added to the run's own. */
  tags?: readonly string[];
  /** `online`, `offline` (a ZIP for `comet upload`) or `disabled`. Default: COMET_START_ONLINE, COMET_MODE, else online. */
  mode?: 'online' | 'offline' | 'disabled';
  /** Default COMET_URL_OVERRIDE, else https://www.comet.com. */
  baseUrl?: string;
  /** Where the ZIP is made. Default COMET_OFFLINE_DIRECTORY, else `.cometml-runs`. */
  offlineDirectory?: string;
  /** System metrics, printed lines, command, host and commit without being asked for. Default true. */
  autoLog?: boolean;
  /** Source files of the program's folder, and what git does not have yet. Default false. */
  logCode?: boolean;
  /** A file that is recorded as an artifact of kind `graph` is the experiment's graph. Default true. */
  logGraph?: boolean;
  /** Larger files are not sent, bytes. Default 200 MiB. */
  maxArtifactBytes?: number;
}

export const COMET_OPTIONS: OptionNames<CometOptions> = {
  apiKey: true,
  projectName: true,
  workspace: true,
  experimentName: true,
  experimentKey: true,
  tags: true,
  mode: true,
  baseUrl: true,
  offlineDirectory: true,
  autoLog: true,
  logCode: true,
  logGraph: true,
  maxArtifactBytes: true,
};

export interface CometSettings {
  readonly mode: 'online' | 'offline';
  /** Without a path. */
  readonly baseUrl: string;
  readonly apiKey: () => string | undefined;
  readonly projectName: string | undefined;
  readonly workspace: string | undefined;
  readonly experimentName: string | undefined;
  readonly experimentKey: string | undefined;
  readonly tags: readonly string[];
  readonly offlineDirectory: string;
  readonly autoLog: boolean;
  readonly logCode: boolean;
  readonly logGraph: boolean;
  readonly maxArtifactBytes: number;
}

const DEFAULT_BASE = 'https://www.comet.com';
const MODES = ['online', 'offline', 'disabled'] as const;
const UPLOAD_LIMIT = 200 * 1024 * 1024;
const EXPERIMENT_KEY = /^[a-zA-Z0-9]{32,50}$/;

/**
 * Puts options and environment together. Undefined: mode `disabled`.
 * @throws TypeError for a mode, an address or a key of an experiment that cannot be.
 */
export function cometSettings(options: CometOptions, { env }: PlatformContext): CometSettings | undefined {
  const variable = (name: string): string | undefined => env[name] || undefined;
  const online = variable('COMET_START_ONLINE');
  const mode =
    options.mode ??
    variable('COMET_MODE') ??
    (online !== undefined && /^(0|false|no)$/i.test(online) ? 'offline' : 'online');
  if (!isMode(mode))
    throw new TypeError(`Comet's mode must be ${MODES.join(', ')}, got ${JSON.stringify(mode)}.`);
  if (mode === 'disabled') return undefined;
  const experimentKey = options.experimentKey ?? variable('COMET_EXPERIMENT_KEY');
  if (experimentKey !== undefined && !EXPERIMENT_KEY.test(experimentKey))
    throw new TypeError(
      `Comet's experiment key must have 32 to 50 letters and digits, got ${JSON.stringify(experimentKey)}.`,
    );
  const key = revealed(options.apiKey) ?? variable('COMET_API_KEY');
  return {
    mode,
    baseUrl: address(options.baseUrl ?? variable('COMET_URL_OVERRIDE') ?? DEFAULT_BASE),
    apiKey: () => key ?? keyOfConfig(),
    projectName: options.projectName ?? variable('COMET_PROJECT_NAME'),
    workspace: options.workspace ?? variable('COMET_WORKSPACE'),
    experimentName: options.experimentName ?? variable('COMET_START_EXPERIMENT_NAME'),
    experimentKey,
    tags: options.tags ?? [],
    offlineDirectory: resolve(
      options.offlineDirectory ?? variable('COMET_OFFLINE_DIRECTORY') ?? '.cometml-runs',
    ),
    autoLog: options.autoLog ?? true,
    logCode: options.logCode ?? false,
    logGraph: options.logGraph ?? true,
    maxArtifactBytes: options.maxArtifactBytes ?? UPLOAD_LIMIT,
  };
}

function isMode(mode: string): mode is (typeof MODES)[number] {
  return (MODES as readonly string[]).includes(mode);
}

/** Comet's own variable names the `clientlib` below the address. */
function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError(
      `Comet's base URL must be an address such as ${DEFAULT_BASE}, got ${JSON.stringify(text.replace(/\/\/[^/@]*@/, '//'))}.`,
    );
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '').replace(/\/clientlib$/, '')}`;
}

function keyOfConfig(): string | undefined {
  try {
    const text = readFileSync(join(homedir(), '.comet.config'), 'utf8');
    return /^\s*api_key\s*=\s*(\S+)/m.exec(text)?.[1];
  } catch {
    return undefined;
  }
}
