import { resolve } from 'node:path';
import type { Command } from 'commander';
import {
  type CollectorPlan,
  type Destination,
  DESTINATIONS,
  isDestination,
  planCollector,
} from '../collector/index.ts';
import type { Monitoring } from '../config/index.ts';
import { ENV } from '../conventions/index.ts';
import { readConfig } from './hub.ts';
import { CommandFailed } from './output.ts';

/** Flags that decide what a Collector does, the same for every command that needs to know. */
export interface PlanFlags {
  config?: string;
  destinations?: string;
  overlay?: string[];
  host?: string;
  grpcPort?: string;
  httpPort?: string;
  healthPort?: string;
  metricsPort?: string;
  stateDir?: string;
  hubEndpoint?: string;
  spanMetrics?: boolean;
}

export function addPlanFlags(command: Command): Command {
  return command
    .option('--config <file>', `configuration file (default: ${ENV.config.default} when it is there)`)
    .option(
      '--destinations <list>',
      `comma-separated: ${Object.keys(DESTINATIONS).join(', ')} (default: hub)`,
    )
    .option('--overlay <file...>', 'further Collector files of yours, merged last')
    .option('--host <address>', 'address that it listens on (default 127.0.0.1)')
    .option('--grpc-port <number>', 'OTLP over gRPC (default 4317)')
    .option('--http-port <number>', 'OTLP over HTTP (default 4318)')
    .option('--health-port <number>', 'health check (default 13133)')
    .option('--metrics-port <number>', 'its own metrics (default 8888)')
    .option('--state-dir <folder>', 'its queues and files (default ./.llm-otel/collector)')
    .option('--hub-endpoint <url>', 'where the hub listens (default http://127.0.0.1:4319)')
    .option('--span-metrics', 'derive latencies, calls and errors from spans');
}

/** @returns the plan, and the configuration that it was made of */
export function readPlan(
  flags: PlanFlags,
  env: NodeJS.ProcessEnv,
  more: Readonly<Record<string, string | undefined>> = {},
): { plan: CollectorPlan; config: Partial<Monitoring> } {
  const { config } = readConfig(flags.config ?? env[ENV.config.name], env);
  const destinations = flags.destinations === undefined ? undefined : destinationList(flags.destinations);
  try {
    const plan = planCollector({
      config,
      env,
      ...(destinations ? { destinations } : {}),
      ...(flags.overlay ? { overlays: flags.overlay.map((file) => resolve(file)) } : {}),
      ...(flags.spanMetrics === undefined ? {} : { spanMetrics: flags.spanMetrics }),
      flags: {
        OTELCOL_HOST: flags.host,
        OTELCOL_GRPC_PORT: port('--grpc-port', flags.grpcPort),
        OTELCOL_HTTP_PORT: port('--http-port', flags.httpPort),
        OTELCOL_HEALTH_PORT: port('--health-port', flags.healthPort),
        OTELCOL_METRICS_PORT: port('--metrics-port', flags.metricsPort),
        OTELCOL_STATE: flags.stateDir,
        HUB_ENDPOINT: flags.hubEndpoint,
        ...more,
      },
    });
    return { plan, config };
  } catch (error) {
    throw new CommandFailed((error as Error).message);
  }
}

export function destinationList(text: string): Destination[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.filter((name) => !isDestination(name));
  if (unknown.length > 0 || names.length === 0)
    throw new CommandFailed(
      `--destinations takes ${Object.keys(DESTINATIONS).join(', ')}, comma-separated, not ${JSON.stringify(unknown.join(',') || text)}`,
      2,
    );
  return names.filter(isDestination);
}

function port(flag: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 65535)
    throw new CommandFailed(`${flag} takes a port, 1 to 65535, not ${JSON.stringify(value)}`, 2);
  return value;
}
