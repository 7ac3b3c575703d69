import type { OptionNames } from '../../conventions/index.ts';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { revealed, type PlatformContext, type SecretText } from '../platform.ts';

/** Options of the W&B sink; what is not given comes from W&B's own variables. */
export interface WandbOptions {
  /** Default WANDB_PROJECT, else the run's project. */
  project?: string;
  /** User or team. Default WANDB_ENTITY, else the default entity of the key. */
  entity?: string;
  /** Added to the run's own. Default WANDB_TAGS, separated by commas. */
  tags?: readonly string[];
  /** Default WANDB_RUN_GROUP, else the run's group. */
  group?: string;
  /** Default WANDB_JOB_TYPE. */
  jobType?: string;
  /** Default WANDB_NOTES. */
  notes?: string;
  /** Default WANDB_NAME, else the run's name. */
  name?: string;
  /** `online`, `offline` (a folder for `wandb sync`) or `disabled`. Default WANDB_MODE, else online. */
  mode?: 'online' | 'offline' | 'disabled';
  /** Default WANDB_API_KEY, else netrc (NETRC, ~/.netrc), as `wandb login` leaves it. */
  apiKey?: SecretText;
  /** Default WANDB_BASE_URL, else https://api.wandb.ai. */
  baseUrl?: string;
  /** Folder in which `wandb/offline-run-...` is made. Default WANDB_DIR, else the current one. */
  dir?: string;
  /** The run's id at W&B. Default WANDB_RUN_ID, else our id. */
  runId?: string;
  /** For a given id: `allow` (the default), `must` (it must be there), `never` (it must not). Default WANDB_RESUME. */
  resume?: 'allow' | 'must' | 'never' | 'auto';
  /** Source files of the program's folder and the state of git beside them. Default false. */
  logCode?: boolean;
  /** Histograms that the run records under `gradients/` and `parameters/`. Default true; false leaves them out. */
  logGradients?: boolean;
  logParameters?: boolean;
  /**
   * Lines that the program prints, on the page Logs. `wrap` captures them (`captureConsole` of `startRun`); `off` and
   * false leave out what is captured; true sends it. Default WANDB_CONSOLE (`off`), else true.
   */
  console?: boolean | 'wrap' | 'off';
  /** Notes of at least this severity are alerts (mail, Slack); `none` for never. Default `warning`. */
  alerts?: 'info' | 'warning' | 'error' | 'none';
  /** Artifacts of this size and more are not sent, bytes. Default 1 GiB. */
  maxArtifactBytes?: number;
}

export const WANDB_OPTIONS: OptionNames<WandbOptions> = {
  project: true,
  entity: true,
  tags: true,
  group: true,
  jobType: true,
  notes: true,
  name: true,
  mode: true,
  apiKey: true,
  baseUrl: true,
  dir: true,
  runId: true,
  resume: true,
  logCode: true,
  logGradients: true,
  logParameters: true,
  console: true,
  alerts: true,
  maxArtifactBytes: true,
};

export interface WandbSettings {
  readonly mode: 'online' | 'offline';
  /** Without a slash at the end. */
  readonly baseUrl: string;
  /** Of the pages. */
  readonly appUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Read when it is needed; undefined when there is none. */
  readonly apiKey: () => string | undefined;
  readonly project: string | undefined;
  readonly entity: string | undefined;
  readonly tags: readonly string[];
  readonly group: string | undefined;
  readonly jobType: string | undefined;
  readonly notes: string | undefined;
  readonly name: string | undefined;
  readonly runId: string | undefined;
  readonly resume: 'allow' | 'must' | 'never';
  readonly dir: string;
  readonly logCode: boolean;
  readonly logGradients: boolean;
  readonly logParameters: boolean;
  readonly console: boolean;
  readonly alerts: 'info' | 'warning' | 'error' | 'none';
  readonly maxArtifactBytes: number;
}

const DEFAULT_BASE = 'https://api.wandb.ai';
const GIB = 1024 ** 3;
/** Names of earlier days beside today's. */
const MODES: Readonly<Record<string, 'online' | 'offline' | 'disabled'>> = {
  online: 'online',
  run: 'online',
  offline: 'offline',
  dryrun: 'offline',
  disabled: 'disabled',
};
const ALERTS = ['info', 'warning', 'error', 'none'] as const;
const RESUMES: Readonly<Record<string, WandbSettings['resume']>> = {
  allow: 'allow',
  auto: 'allow',
  true: 'allow',
  must: 'must',
  never: 'never',
};

/**
 * Puts options and environment together. Undefined: mode `disabled`.
 * @throws TypeError for a mode, an address or a resume that cannot be.
 */
export function wandbSettings(options: WandbOptions, { env }: PlatformContext): WandbSettings | undefined {
  const variable = (name: string): string | undefined => env[name] || undefined;
  const given = options.mode ?? variable('WANDB_MODE') ?? 'online';
  const mode = MODES[given];
  if (given === 'shared')
    throw new TypeError(
      "W&B's mode `shared` (several writers of one run) is not supported: each rank is a run of its own in one group; use online or offline.",
    );
  if (mode === undefined)
    throw new TypeError(`W&B's mode must be online, offline or disabled, got ${JSON.stringify(given)}.`);
  if (mode === 'disabled') return undefined;
  const resume = options.resume ?? variable('WANDB_RESUME') ?? 'allow';
  if (RESUMES[resume] === undefined)
    throw new TypeError(`W&B's resume must be allow, must, never or auto, got ${JSON.stringify(resume)}.`);
  const alerts = options.alerts ?? 'warning';
  if (!ALERTS.includes(alerts))
    throw new TypeError(`W&B's alerts must be ${ALERTS.join(', ')}, got ${JSON.stringify(alerts)}.`);
  const baseUrl = address(options.baseUrl ?? variable('WANDB_BASE_URL') ?? DEFAULT_BASE);
  const key = revealed(options.apiKey) ?? variable('WANDB_API_KEY');
  return {
    mode,
    baseUrl,
    appUrl: (variable('WANDB_APP_URL') ?? baseUrl.replace('://api.', '://')).replace(/\/+$/, ''),
    headers: {
      ...(variable('WANDB_USERNAME') ? { 'x-wandb-username': variable('WANDB_USERNAME') as string } : {}),
      ...(variable('WANDB_USER_EMAIL')
        ? { 'x-wandb-user-email': variable('WANDB_USER_EMAIL') as string }
        : {}),
    },
    apiKey: () => key ?? keyOfNetrc(env, new URL(baseUrl).hostname),
    project: options.project ?? variable('WANDB_PROJECT'),
    entity: options.entity ?? variable('WANDB_ENTITY'),
    tags:
      options.tags ??
      (variable('WANDB_TAGS') ?? '')
        .split(',')
        .map((tag) => tag.trim())
        .filter((tag) => tag !== ''),
    group: options.group ?? variable('WANDB_RUN_GROUP'),
    jobType: options.jobType ?? variable('WANDB_JOB_TYPE'),
    notes: options.notes ?? variable('WANDB_NOTES'),
    name: options.name ?? variable('WANDB_NAME'),
    runId: options.runId ?? variable('WANDB_RUN_ID'),
    resume: RESUMES[resume],
    dir: resolve(options.dir ?? variable('WANDB_DIR') ?? '.'),
    logCode: options.logCode ?? false,
    logGradients: options.logGradients ?? true,
    logParameters: options.logParameters ?? true,
    console: sendsConsole(options.console ?? variable('WANDB_CONSOLE')),
    alerts,
    maxArtifactBytes: options.maxArtifactBytes ?? GIB,
  };
}

/** W&B's own words: `auto`, `wrap`, `wrap_raw`, `redirect` say how its client captures; here there is one way. */
const CONSOLES = ['wrap', 'off', 'auto', 'redirect', 'wrap_raw', 'wrap_emu'];

function sendsConsole(given: boolean | string | undefined): boolean {
  if (given === undefined || typeof given === 'boolean') return given ?? true;
  if (!CONSOLES.includes(given))
    throw new TypeError(`W&B's console must be wrap, off, true or false, got ${JSON.stringify(given)}.`);
  return given !== 'off';
}

function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError(
      `W&B's base URL must be an address such as ${DEFAULT_BASE}, got ${JSON.stringify(text.replace(/\/\/[^/@]*@/, '//'))}.`,
    );
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
}

/** The password of `machine HOST` in a netrc file, where `wandb login` puts the key. */
export function keyOfNetrc(env: PlatformContext['env'], host: string): string | undefined {
  for (const path of [env['NETRC'], join(homedir(), '.netrc'), join(homedir(), '_netrc')]) {
    if (!path) continue;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      continue;
    }
    const words = text.split(/\s+/);
    for (let at = words.indexOf('machine'); at >= 0; at = words.indexOf('machine', at + 1)) {
      if (words[at + 1] !== host) continue;
      const end = words.indexOf('machine', at + 1);
      const password = words.indexOf('password', at);
      if (password >= 0 && (end < 0 || password < end)) return words[password + 1];
    }
  }
  return undefined;
}
