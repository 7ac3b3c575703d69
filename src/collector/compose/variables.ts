import type { Monitoring } from '../../config/index.ts';

/** A variable that a file of `collector-config/` reads, and what stands behind it in `monitoring.yaml`. */
export interface Variable {
  name: string;
  /** Never written into a configuration: the Collector reads it from its environment. */
  secret?: true;
  fromConfig?: (config: Partial<Monitoring>) => string | number | boolean | undefined;
}

type CollectorSection = NonNullable<Monitoring['collector']>;
const part =
  <K extends keyof CollectorSection>(
    key: K,
    read: (section: NonNullable<CollectorSection[K]>) => string | number | boolean | undefined,
  ) =>
  (config: Partial<Monitoring>) => {
    const section = config.collector?.[key];
    return section === undefined ? undefined : read(section);
  };

const MIB = 1024 ** 2;

/** Every variable of the shipped files; a test compares them. */
export const VARIABLES: readonly Variable[] = [
  { name: 'OTELCOL_HOST', fromConfig: (c) => c.collector?.host },
  { name: 'OTELCOL_GRPC_PORT', fromConfig: part('ports', (p) => p.grpc) },
  { name: 'OTELCOL_HTTP_PORT', fromConfig: part('ports', (p) => p.http) },
  { name: 'OTELCOL_HEALTH_PORT', fromConfig: part('ports', (p) => p.health) },
  { name: 'OTELCOL_METRICS_PORT', fromConfig: part('ports', (p) => p.metrics) },
  { name: 'OTELCOL_STATE', fromConfig: (c) => c.collector?.state_dir },
  { name: 'OTELCOL_MEMORY_MIB', fromConfig: part('memory', (bytes) => Math.floor(bytes / MIB)) },
  { name: 'OTELCOL_MEMORY_SPIKE_MIB' },

  { name: 'HUB_ENDPOINT', fromConfig: hubEndpoint },
  { name: 'HUB_QUEUE_BYTES', fromConfig: part('hub', (s) => s.queue_size) },
  { name: 'LLM_OTEL_HUB_TOKEN', secret: true },

  { name: 'OTELCOL_FILES', fromConfig: part('file', (s) => s.dir) },

  { name: 'MLFLOW_TRACKING_URI', fromConfig: mlflowEndpoint },
  { name: 'MLFLOW_EXPERIMENT_ID', fromConfig: part('mlflow', (s) => s.experiment_id) },
  { name: 'MLFLOW_RUN_ID', fromConfig: part('mlflow', (s) => s.run_id) },
  { name: 'MLFLOW_CONTENT', fromConfig: part('mlflow', (s) => s.content) },
  { name: 'MLFLOW_QUEUE_BYTES', fromConfig: part('mlflow', (s) => s.queue_size) },
  { name: 'MLFLOW_AUTHORIZATION', secret: true },

  { name: 'WANDB_API_KEY', secret: true },
  {
    name: 'WANDB_ENTITY',
    fromConfig: (c) => c.collector?.weave?.entity ?? c.experiment_tracking?.wandb?.entity,
  },
  {
    name: 'WANDB_PROJECT',
    fromConfig: (c) => c.collector?.weave?.project ?? c.experiment_tracking?.wandb?.project,
  },
  { name: 'WANDB_OTLP_ENDPOINT', fromConfig: part('weave', (s) => s.endpoint) },
  { name: 'WEAVE_CONTENT', fromConfig: part('weave', (s) => s.content) },
  { name: 'WEAVE_QUEUE_BYTES', fromConfig: part('weave', (s) => s.queue_size) },

  { name: 'OPIK_API_KEY', secret: true },
  {
    name: 'OPIK_WORKSPACE',
    fromConfig: (c) => c.collector?.opik?.workspace ?? c.experiment_tracking?.comet?.workspace,
  },
  {
    name: 'OPIK_PROJECT_NAME',
    fromConfig: (c) => c.collector?.opik?.project ?? c.experiment_tracking?.comet?.project_name,
  },
  { name: 'OPIK_URL_OVERRIDE', fromConfig: part('opik', (s) => s.endpoint) },
  { name: 'OPIK_CONTENT', fromConfig: part('opik', (s) => s.content) },
  { name: 'OPIK_QUEUE_BYTES', fromConfig: part('opik', (s) => s.queue_size) },

  { name: 'PROMETHEUS_PORT', fromConfig: part('prometheus', (s) => s.port) },
  {
    name: 'PROMETHEUS_EXPIRATION',
    fromConfig: part('prometheus', (s) => (s.expiration === undefined ? undefined : `${s.expiration}ms`)),
  },

  { name: 'REMOTE_WRITE_ENDPOINT', fromConfig: part('remote-write', (s) => s.endpoint) },
  { name: 'REMOTE_WRITE_QUEUE', fromConfig: part('remote-write', (s) => s.queue_requests) },
  { name: 'REMOTE_WRITE_AUTHORIZATION', secret: true },

  { name: 'OTLP_ENDPOINT', fromConfig: part('otlp', (s) => s.endpoint) },
  { name: 'OTLP_CONTENT', fromConfig: part('otlp', (s) => s.content) },
  { name: 'OTLP_QUEUE_BYTES', fromConfig: part('otlp', (s) => s.queue_size) },
  { name: 'OTLP_AUTHORIZATION', secret: true },

  { name: 'DEBUG_VERBOSITY', fromConfig: part('debug', (s) => s.verbosity) },
];

/** The hub of the same file, when nothing else was said. Every address of this machine can be reached on loopback. */
function hubEndpoint(config: Partial<Monitoring>): string | undefined {
  if (config.collector?.hub?.endpoint !== undefined) return config.collector.hub.endpoint;
  const { host, port } = config.hub ?? {};
  if (host === undefined && port === undefined) return undefined;
  const address = host === undefined || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port ?? 4319}`;
}

/** Only an http address takes OTLP: a database or a folder as tracking URI says nothing about a server. */
function mlflowEndpoint(config: Partial<Monitoring>): string | undefined {
  const endpoint = config.collector?.mlflow?.endpoint;
  if (endpoint !== undefined) return endpoint;
  const uri = config.experiment_tracking?.mlflow?.tracking_uri;
  return uri !== undefined && /^https?:\/\//.test(uri) ? uri : undefined;
}

export type Origin = 'flag' | 'environment' | 'monitoring.yaml';
export interface Setting {
  value: string;
  from: Origin;
}

/**
 * The value of every variable that somebody set: a flag wins over the environment, the environment over
 * `monitoring.yaml`. What nobody set keeps the default of the file that reads it. Secrets are not among them.
 * @param flags values by name of the variable
 */
export function resolveVariables(
  config: Partial<Monitoring>,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>> = {},
): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  for (const { name, secret, fromConfig } of VARIABLES) {
    if (secret) continue;
    const flag = flags[name];
    const variable = env[name];
    const configured = fromConfig?.(config);
    if (flag !== undefined) settings.set(name, { value: flag, from: 'flag' });
    // An empty variable is as good as none, here and for the Collector.
    else if (variable !== undefined && variable !== '')
      settings.set(name, { value: variable, from: 'environment' });
    else if (configured !== undefined)
      settings.set(name, { value: String(configured), from: 'monitoring.yaml' });
  }
  const state = settings.get('OTELCOL_STATE');
  if (state && !settings.has('OTELCOL_FILES'))
    settings.set('OTELCOL_FILES', { value: `${state.value}/files`, from: state.from });
  const memory = settings.get('OTELCOL_MEMORY_MIB');
  if (memory && !settings.has('OTELCOL_MEMORY_SPIKE_MIB'))
    settings.set('OTELCOL_MEMORY_SPIKE_MIB', { value: String(spikeOf(memory.value)), from: memory.from });
  for (const name of ['OPIK_URL_OVERRIDE', 'MLFLOW_TRACKING_URI'] as const) {
    const setting = settings.get(name);
    if (setting) settings.set(name, { ...setting, value: setting.value.replace(/\/+$/, '') });
  }
  return settings;
}

/** A fifth of the limit, as the Collector's documentation has it. */
function spikeOf(limit: string): number {
  return Math.max(1, Math.floor(Number(limit) / 5));
}
