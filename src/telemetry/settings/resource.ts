import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, extname, join } from 'node:path';
import { defaultResource } from '@opentelemetry/resources';
import { ATTR } from '../../conventions/index.ts';
import type { EnvironmentReader } from './environment-reader.ts';
import type { TelemetryOptions } from '../telemetry.ts';

export type ResourceAttributes = Readonly<Record<string, string | number | boolean>>;

const UNKNOWN_SERVICE = 'unknown_service:node';
let instanceId: string | undefined;

/** What the process knows about itself; passed in so that it can be tested. */
export interface ProcessFacts {
  readonly cwd: string;
  readonly mainScript: string | undefined;
  readonly host: string;
  readonly pid: number;
  /** Unique per process. */
  readonly instanceId: string;
}

export function processFacts(): ProcessFacts {
  instanceId ??= randomUUID();
  return { cwd: process.cwd(), mainScript: process.argv[1], host: hostname(), pid: process.pid, instanceId };
}

/**
 * The resource of everything the process sends: SDK defaults, then what is known of the process, then the options,
 * then OTEL_RESOURCE_ATTRIBUTES, then OTEL_SERVICE_NAME (which OpenTelemetry puts above the former).
 */
export function resolveResource(
  options: Pick<TelemetryOptions, 'serviceName' | 'serviceVersion' | 'resourceAttributes'>,
  environment: EnvironmentReader,
  facts: ProcessFacts,
): ResourceAttributes {
  const serviceName = environment.text('OTEL_SERVICE_NAME');
  return {
    ...(defaultResource().attributes as ResourceAttributes),
    [ATTR.serviceName]: defaultServiceName(facts),
    [ATTR.serviceInstanceId]: facts.instanceId,
    [ATTR.hostName]: facts.host,
    [ATTR.processPid]: facts.pid,
    ...options.resourceAttributes,
    ...(options.serviceName && { [ATTR.serviceName]: options.serviceName }),
    ...(options.serviceVersion && { [ATTR.serviceVersion]: options.serviceVersion }),
    ...parseResourceAttributes(environment),
    ...(serviceName && { [ATTR.serviceName]: serviceName }),
  };
}

/** Name in the package.json of the working directory, else the main script's name without its ending. */
function defaultServiceName({ cwd, mainScript }: ProcessFacts): string {
  try {
    const { name } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as { name?: unknown };
    if (typeof name === 'string' && name !== '') return name;
  } catch {
    // No package.json there, or not a readable one: the script's name will do.
  }
  if (!mainScript) return UNKNOWN_SERVICE;
  return basename(mainScript, extname(mainScript)) || UNKNOWN_SERVICE;
}

/** `key=value,key2=value2`, percent-encoded (OpenTelemetry resource SDK). One bad pair costs that pair. */
function parseResourceAttributes(environment: EnvironmentReader): Record<string, string> {
  const name = 'OTEL_RESOURCE_ATTRIBUTES';
  const attributes: Record<string, string> = {};
  for (const pair of environment.list(name) ?? []) {
    const at = pair.indexOf('=');
    try {
      if (at < 1) throw new Error('no key');
      attributes[decodeURIComponent(pair.slice(0, at).trim())] = decodeURIComponent(
        pair
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1'),
      );
    } catch {
      environment.warn(
        `${name} holds ${JSON.stringify(pair)}, which is not key=value with percent-encoding; it is left out`,
      );
    }
  }
  return attributes;
}
