import type { TrackerOptions } from '../../trackers/index.ts';
import { ENV } from '../../conventions/index.ts';
import type { Objectives } from '../query/summary.ts';
import type { DashboardOptions } from './dashboard-settings.ts';
import { isLoopback } from './gate.ts';
import { SHORTEST_TOKEN, newToken } from './sign-in.ts';

export interface HubOptions {
  /** Address to listen on; default 127.0.0.1. Another one than loopback needs `token`. */
  host?: string | undefined;
  /** Port of page, API and OTLP; default 4319, 0 = any free one. */
  port?: number | undefined;
  /** Second port, for OTLP only; default 4318 when it is free, `false` = none. */
  otlpPort?: number | false | undefined;
  /** Folder of the store; default `./.llm-otel`. */
  dataDir?: string | undefined;
  /** ms; default 30 days. */
  retentionMs?: number | undefined;
  /** Bytes of the whole store; default 4 GiB. */
  maxBytes?: number | undefined;
  /** Most series of metrics; default 100,000. */
  maxSeries?: number | undefined;
  /** Silence after which a run without an end is shown as interrupted, ms; default 60,000. */
  interruptedAfterMs?: number | undefined;
  /** Token of programs and of sign-in, at least 16 characters; default `LLM_OTEL_HUB_TOKEN`, else a new one. */
  token?: string | undefined;
  /**
   * Must page and API be signed in to? Default: `token` when a token is given or the host is not loopback, else
   * `none`: on a machine of one's own, the checks of Host and Origin keep foreign pages out.
   */
  auth?: 'none' | 'token' | undefined;
  /** Lets a host other than loopback be served without a token. Everybody who reaches it can read and write. */
  allowInsecure?: boolean | undefined;
  /** Further host names that the hub is reached by, without port. */
  allowedHosts?: readonly string[] | undefined;
  /** Objectives of serving in ms, as in monitoring.yaml; the summary tells how much is within them. */
  slo?:
    | {
        time_to_first_token?: number | undefined;
        time_per_output_token?: number | undefined;
        request_duration?: number | undefined;
      }
    | undefined;
  /** What the page begins with when its address says nothing, as in monitoring.yaml; default 5 s, 1 h, live. */
  dashboard?: DashboardOptions | undefined;
  /** Experiment trackers that every run is forwarded to, as `startRun` takes them. */
  trackers?: readonly TrackerOptions[] | undefined;
  log?: ((level: 'info' | 'warn' | 'error', message: string) => void) | undefined;
  /** Folder of the page's bundle. */
  pageDir?: string | undefined;
  /** Wall clock, ms since the epoch. */
  now?: (() => number) | undefined;
}

/** Options that cannot be: the message says which, and what can. */
export class HubOptionsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HubOptionsError';
  }
}

export interface Protection {
  /** Of page and API. */
  pageToken: string | undefined;
  /** Of OTLP. */
  otlpToken: string | undefined;
}

/** Who needs a token. Refuses to serve a network without one. */
export function protection(options: HubOptions, env: Record<string, string | undefined>): Protection {
  const given = (options.token ?? env[ENV.hubToken.name]) || undefined;
  if (given !== undefined && given.length < SHORTEST_TOKEN)
    throw new HubOptionsError(
      `The token has ${given.length} characters; at least ${SHORTEST_TOKEN} are needed (a good one: openssl rand -base64 32).`,
    );
  if (given !== undefined && !/^[\w.~+/=-]+$/.test(given))
    throw new HubOptionsError('The token may hold letters, digits and - . _ ~ + / = only (RFC 6750).');
  const local = isLoopback(options.host ?? DEFAULT_HOST);
  if (!local && given === undefined && options.allowInsecure !== true)
    throw new HubOptionsError(
      `Listening on ${options.host} would let everybody on the network read and write without a token. ` +
        `Give one with the option token or ${ENV.hubToken.name}, listen on 127.0.0.1, or set allowInsecure if that is meant.`,
    );
  if (!local && options.auth === 'none' && options.allowInsecure !== true)
    throw new HubOptionsError(
      `auth: none on ${options.host} would let everybody on the network in; set allowInsecure too if that is meant.`,
    );
  const auth = options.auth ?? (given === undefined ? 'none' : 'token');
  const pageToken = auth === 'token' ? (given ?? newToken()) : undefined;
  return { pageToken, otlpToken: local ? undefined : pageToken };
}

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 4319;
export const DEFAULT_OTLP_PORT = 4318;
export const DEFAULT_DATA_DIR = './.llm-otel';

/** Objectives in seconds. */
export function objectives(slo: HubOptions['slo']): Objectives {
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);
  const all = {
    ttft: seconds(slo?.time_to_first_token),
    tpot: seconds(slo?.time_per_output_token),
    duration: seconds(slo?.request_duration),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
