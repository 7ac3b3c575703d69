import type { OptionNames } from '../../conventions/index.ts';
import { readFileSync } from 'node:fs';
import type { TlsOptions } from '../http/client.ts';
import { revealed, type PlatformContext, type SecretText } from '../platform.ts';
import type { SinkRun } from '../sink.ts';

/** Options of the MLflow sink; what is not given comes from MLflow's own variables. */
export interface MlflowOptions {
  /** Address of the tracking server. Default MLFLOW_TRACKING_URI, else http://127.0.0.1:5000. */
  trackingUri?: string;
  /** Default MLFLOW_EXPERIMENT_NAME, else the run's project. Made when it is not there. */
  experimentName?: string;
  /** Default MLFLOW_EXPERIMENT_ID. Instead of a name. */
  experimentId?: string;
  /** `{name}`, `{id}`, `{project}`, `{group}`, `{rank}` and `{timestamp}` are filled in. Default `{name}`. */
  runName?: string;
  /** Where a new experiment keeps its artifacts, as the *server* understands it. */
  artifactLocation?: string;
  /** Only the server can open a registry: accepted, and explained. */
  registryUri?: string;
  /** Basic authentication. Default MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, or in the address. */
  username?: string;
  password?: SecretText;
  /** Bearer token. Default MLFLOW_TRACKING_TOKEN. */
  token?: SecretText;
  /** Default MLFLOW_WORKSPACE. */
  workspace?: string;
  /** Any certificate will do. Default MLFLOW_TRACKING_INSECURE_TLS. */
  insecureTls?: boolean;
  /** File with the authorities to trust. Default MLFLOW_TRACKING_SERVER_CERT_PATH. */
  serverCertPath?: string;
  /** File with our certificate and key. Default MLFLOW_TRACKING_CLIENT_CERT_PATH. */
  clientCertPath?: string;
  /** Send files that the run recorded as artifacts. Default true. */
  uploadArtifacts?: boolean;
  /** Larger files are named in a tag and not sent, bytes: the server holds a file in memory. Default 512 MiB. */
  maxArtifactBytes?: number;
  /** Register each recorded model as a version of this registered model. An artifact may name its own (`registered_model_name`). */
  registeredModelName?: string;
  /** Every rank's run below that of rank 0 (`mlflow.parentRunId`); `ranks: 'all'` sends them. Default true. */
  nested?: boolean;
}

export const MLFLOW_OPTIONS: OptionNames<MlflowOptions> = {
  trackingUri: true,
  experimentName: true,
  experimentId: true,
  runName: true,
  artifactLocation: true,
  registryUri: true,
  username: true,
  password: true,
  token: true,
  workspace: true,
  insecureTls: true,
  serverCertPath: true,
  clientCertPath: true,
  uploadArtifacts: true,
  maxArtifactBytes: true,
  registeredModelName: true,
  nested: true,
};

/** What the options and the environment come to. */
export interface MlflowSettings {
  /** Without credentials, without a slash at the end. */
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions;
  readonly experimentName: string | undefined;
  readonly experimentId: string | undefined;
  readonly runName: string;
  /** Of MLFLOW_RUN_ID: the run to write into. */
  readonly runId: string | undefined;
  readonly artifactLocation: string | undefined;
  readonly uploadArtifacts: boolean;
  readonly maxArtifactBytes: number;
  readonly registeredModelName: string | undefined;
  readonly nested: boolean;
}

const DEFAULT_URI = 'http://127.0.0.1:5000';
const MAX_ARTIFACT_BYTES = 512 * 1024 * 1024;

/**
 * Puts options and environment together.
 * @throws TypeError for an address that is none, and for two ways to sign in at once.
 */
export function mlflowSettings(options: MlflowOptions, { env, warn }: PlatformContext): MlflowSettings {
  const uri = options.trackingUri ?? env['MLFLOW_TRACKING_URI'] ?? DEFAULT_URI;
  const { base, username, password } = address(uri);
  for (const name of ['MLFLOW_TRACKING_AUTH', 'MLFLOW_TRACKING_AWS_SIGV4'])
    if (env[name]) warn(`${name} is not supported; use basic authentication or a token.`);
  if (options.registryUri !== undefined)
    warn(
      `registry_uri (${withoutCredentials(options.registryUri)}) can only be opened by the MLflow server: start it with --registry-store-uri. Models are registered in the registry that the server has.`,
    );
  if (options.artifactLocation !== undefined && !/^[a-z][a-z\d+.-]*:/i.test(options.artifactLocation))
    warn(
      `artifact_location (${options.artifactLocation}) is a folder of the MLflow server's machine, used when the experiment is made; files can be sent only where the server serves artifacts (mlflow-artifacts:/, its default).`,
    );
  const workspace = options.workspace ?? (env['MLFLOW_WORKSPACE'] || undefined);
  return {
    base,
    headers: {
      ...authorization({
        username: options.username ?? env['MLFLOW_TRACKING_USERNAME'] ?? username,
        password: revealed(options.password) ?? env['MLFLOW_TRACKING_PASSWORD'] ?? password,
        token: revealed(options.token) ?? env['MLFLOW_TRACKING_TOKEN'],
      }),
      ...(workspace === undefined ? {} : { 'x-mlflow-workspace': workspace }),
    },
    tls: tlsOf(options, env),
    experimentName: options.experimentName ?? (env['MLFLOW_EXPERIMENT_NAME'] || undefined),
    experimentId: options.experimentId ?? (env['MLFLOW_EXPERIMENT_ID'] || undefined),
    runName: options.runName ?? '{name}',
    runId: env['MLFLOW_RUN_ID'] || undefined,
    artifactLocation: options.artifactLocation,
    uploadArtifacts: options.uploadArtifacts ?? true,
    maxArtifactBytes: options.maxArtifactBytes ?? MAX_ARTIFACT_BYTES,
    registeredModelName: options.registeredModelName,
    nested: options.nested ?? true,
  };
}

function address(uri: string): { base: string; username?: string; password?: string } {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    throw new TypeError(
      `MLflow's tracking_uri must be the address of a server, such as ${DEFAULT_URI}; got ${JSON.stringify(uri)}. A folder or a database is opened by the server: mlflow server --backend-store-uri ...`,
    );
  }
  if (/^[^/@]*:\d+(\/|$)/.test(uri))
    throw new TypeError(
      `MLflow's tracking_uri must begin with http:// or https://, such as http://${uri}; got ${JSON.stringify(uri)}.`,
    );
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(
      `MLflow's tracking_uri must begin with http:// or https://, got ${url.protocol}. Start a server over that store (mlflow server --backend-store-uri ${withoutCredentials(uri)}) and give its address.`,
    );
  const base = `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
  if (url.username === '') return { base };
  return {
    base,
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

function withoutCredentials(uri: string): string {
  return uri.replace(/\/\/[^/@]*@/, '//').replace(/^[^/]*@/, '');
}

function authorization(given: {
  username: string | undefined;
  password: string | undefined;
  token: string | undefined;
}): Record<string, string> {
  const { username, password, token } = given;
  if (username && token)
    throw new TypeError(
      'Both a user (MLFLOW_TRACKING_USERNAME) and a token (MLFLOW_TRACKING_TOKEN) are given for MLflow; give one of them.',
    );
  if (token) return { authorization: `Bearer ${token}` };
  if (!username) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` };
}

function tlsOf(options: MlflowOptions, env: PlatformContext['env']): TlsOptions {
  const insecure = options.insecureTls ?? /^(true|1|yes)$/i.test(env['MLFLOW_TRACKING_INSECURE_TLS'] ?? '');
  const server = options.serverCertPath ?? (env['MLFLOW_TRACKING_SERVER_CERT_PATH'] || undefined);
  const client = options.clientCertPath ?? (env['MLFLOW_TRACKING_CLIENT_CERT_PATH'] || undefined);
  const own = client === undefined ? undefined : pem(client, 'client_cert_path');
  return {
    insecure,
    ...(server === undefined ? {} : { ca: pem(server, 'server_cert_path') }),
    ...(own === undefined ? {} : { cert: own, key: own }),
  };
}

function pem(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new TypeError(
      `MLflow's ${option} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** A run's name: `{timestamp}` is its start, as 20261124-153012 (UTC); an unknown placeholder stays as it is. */
export function fillName(template: string, run: SinkRun): string {
  const stamp = new Date(run.startedAt).toISOString();
  const places: Readonly<Record<string, string>> = {
    name: run.name,
    id: run.id,
    project: run.project,
    group: run.group ?? '',
    rank: String(run.rank),
    timestamp: `${stamp.slice(0, 10).replaceAll('-', '')}-${stamp.slice(11, 19).replaceAll(':', '')}`,
  };
  return template.replaceAll(/\{(\w+)\}/g, (whole, name: string) => places[name] ?? whole);
}
