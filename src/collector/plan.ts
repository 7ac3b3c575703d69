import type { Monitoring } from '../config/index.ts';
import { KINDS, RENAMED, typeOf } from './check/components.ts';
import { at, entriesOf, readLocated } from './check/located.ts';
import { composeConfig } from './compose/compose.ts';
import { type Destination, OPTIONS } from './compose/destinations.ts';
import { findReferences } from './compose/references.ts';
import { secretVariables } from './compose/secrets.ts';
import { type ConfigSource, fileSource, shippedSource } from './compose/source.ts';
import { resolveVariables, type Setting, VARIABLES } from './compose/variables.ts';
import { COLLECTOR_VERSION } from './version.ts';

export interface PlanInput {
  /** The `monitoring` section of the configuration file. */
  config?: Partial<Monitoring>;
  /** Default: none of the process's, so that a plan can be made for another machine. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Wins over the file; default: the file's, else the hub alone. */
  destinations?: readonly Destination[];
  /** Values of variables that were given as flags: they win over everything. */
  flags?: Readonly<Record<string, string | undefined>>;
  /** Further files of the user's, merged last; default: the configuration file's. */
  overlays?: readonly string[];
  spanMetrics?: boolean;
}

/** What a Collector is to do, decided: its files, its values, and the one configuration that they make. */
export interface CollectorPlan {
  destinations: Destination[];
  /** The files, in the order of `--config`. */
  sources: ConfigSource[];
  settings: ReadonlyMap<string, Setting>;
  /** Environment that the Collector needs beside its configuration; holds secrets. */
  secrets: Record<string, string>;
  /** The final configuration: readable, commented, without secrets. */
  yaml: string;
  /** Where it listens. Ports are the configured ones. */
  endpoints: { grpc: string; http: string; health: string; metrics: string };
  /** Folder of queues and files. */
  stateDir: string;
  /** Soft bound of the Go runtime (GOMEMLIMIT), in MiB: four fifths of the memory limit. */
  memoryLimitMib: number;
}

/** @throws Error when a file of the user's cannot be read */
export function planCollector(input: PlanInput = {}): CollectorPlan {
  const config = input.config ?? {};
  const env = input.env ?? {};
  const destinations: Destination[] = [...(input.destinations ?? config.collector?.destinations ?? ['hub'])];
  const settings = resolveVariables(config, env, input.flags);
  const secrets = secretVariables(config, env);
  const isSet = (name: string) => settings.has(name) || secrets[name] !== undefined;
  const wanted: Readonly<Record<string, boolean>> = {
    'span-metrics': input.spanMetrics ?? config.collector?.span_metrics ?? false,
    'file-optional': config.collector?.file?.optional ?? false,
  };
  const options = OPTIONS.filter(
    ({ name, destination, variable }) =>
      (destination === undefined || destinations.includes(destination)) &&
      (variable === undefined ? wanted[name] === true : isSet(variable)),
  );
  const sources = [
    shippedSource('base.yaml'),
    ...[...new Set(destinations)].map((name) => shippedSource(`destinations/${name}.yaml`)),
    ...options.map(({ name }) => shippedSource(`options/${name}.yaml`)),
    ...(input.overlays ?? config.collector?.overlays ?? []).map(fileSource),
  ];
  const value = (name: string) => settings.get(name)?.value ?? defaultOf(name, sources);
  const host = value('OTELCOL_HOST');
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host;
  return {
    destinations,
    sources,
    settings,
    secrets: Object.fromEntries(
      Object.entries(secrets).filter(([name]) => sources.some(({ text }) => text.includes(`env:${name}`))),
    ),
    yaml: composeConfig(sources, settings, header(sources)),
    endpoints: {
      grpc: `http://${reached}:${value('OTELCOL_GRPC_PORT')}`,
      http: `http://${reached}:${value('OTELCOL_HTTP_PORT')}`,
      health: `http://${reached}:${value('OTELCOL_HEALTH_PORT')}/`,
      metrics: `http://127.0.0.1:${value('OTELCOL_METRICS_PORT')}/metrics`,
    },
    stateDir: value('OTELCOL_STATE'),
    memoryLimitMib: Math.max(1, Math.floor(Number(value('OTELCOL_MEMORY_MIB')) * 0.8)),
  };
}

function defaultOf(name: string, sources: readonly ConfigSource[]): string {
  for (const { text } of sources) {
    const found = findReferences(text).find((reference) => reference.name === name);
    if (found?.fallback !== undefined) return found.fallback;
  }
  return '';
}

function header(sources: readonly ConfigSource[]): string[] {
  const secrets = VARIABLES.filter(
    ({ name, secret }) => secret && sources.some(({ text }) => text.includes(`\${env:${name}}`)),
  );
  return [
    `OpenTelemetry Collector ${COLLECTOR_VERSION} or newer; made by: llm-otel collector config`,
    `Out of ${sources.map(({ name }) => name).join(', ')}`,
    'Beside a value stands the variable that sets it in those files, and where it came from this time.',
    secrets.length > 0
      ? `It reads from its environment: ${secrets.map(({ name }) => name).join(', ')}.`
      : 'It reads nothing from its environment.',
    '',
  ];
}

/** The variables that the files of a plan find when they are read: the environment, and what was resolved. */
export function checkEnvironment(
  plan: Pick<CollectorPlan, 'settings' | 'secrets'>,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return {
    ...env,
    ...Object.fromEntries([...plan.settings].map(([name, { value }]) => [name, value])),
    ...plan.secrets,
  };
}

/** Components that a Collector must have for these files, as `exporters/otlp_http`. */
export function neededComponents(sources: readonly ConfigSource[]): Set<string> {
  const needed = new Set<string>();
  for (const source of sources) {
    const { value } = readLocated(source);
    for (const kind of KINDS)
      for (const [id] of entriesOf(at(value, kind))) {
        const type = typeOf(id);
        needed.add(`${kind}/${RENAMED[kind][type] ?? type}`);
      }
  }
  return needed;
}
