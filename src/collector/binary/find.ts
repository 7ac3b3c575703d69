import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { KINDS } from '../check/components.ts';
import { COLLECTOR_VERSION, compareVersions } from '../version.ts';
import { cachedCollectors } from './cache.ts';

export interface FoundCollector {
  path: string;
  /** Where it was found. */
  from: 'configuration' | '$OTELCOL' | 'PATH' | 'cache';
  version: string;
  /** What is in it, as `exporters/otlp_http`. */
  components: ReadonlySet<string>;
}
export interface CollectorSearch {
  found?: FoundCollector;
  /** Those that were there and are not used, each with the reason. */
  passedOver: { path: string; reason: string }[];
}

/** Names under which Collectors are installed, the most complete first. */
const NAMES = ['llm-otelcol', 'otelcol-contrib', 'otelcol'];

/**
 * Finds a Collector: the one that was named (configuration, then `$OTELCOL`), else on PATH, else in our cache. One that is
 * named must be usable; another one is passed over when it is too old or lacks a component.
 * @param needed components of the configuration, as `exporters/otlp_http`
 * @throws Error when the named one cannot be used
 */
export async function findCollector(options: {
  env: Readonly<Record<string, string | undefined>>;
  /** `collector.binary` of the configuration. */
  binary?: string | undefined;
  needed?: Iterable<string>;
}): Promise<CollectorSearch> {
  const { env } = options;
  const needed = [...(options.needed ?? [])];
  const passedOver: CollectorSearch['passedOver'] = [];
  const named: readonly (readonly [path: string | undefined, from: FoundCollector['from']])[] = [
    [options.binary, 'configuration'],
    [env['OTELCOL'], '$OTELCOL'],
  ];
  for (const [path, from] of named) {
    if (!path) continue;
    const look = await inspect(path, from, needed);
    if ('reason' in look) throw new Error(`the Collector ${path} (${from}) cannot be used: ${look.reason}`);
    return { found: look, passedOver };
  }
  const candidates = [
    ...onPath(env['PATH'] ?? '').map((path) => [path, 'PATH'] as const),
    ...cachedCollectors(env).map((path) => [path, 'cache'] as const),
  ];
  for (const [path, from] of candidates) {
    const look = await inspect(path, from, needed);
    if (!('reason' in look)) return { found: look, passedOver };
    passedOver.push({ path, reason: look.reason });
  }
  return { passedOver };
}

function onPath(path: string): string[] {
  const endings = process.platform === 'win32' ? ['.exe'] : [''];
  return NAMES.flatMap((name) =>
    path
      .split(delimiter)
      .filter((folder) => folder !== '')
      .flatMap((folder) => endings.map((ending) => join(folder, name + ending)))
      .filter(isExecutable),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

const run = promisify(execFile);

async function inspect(
  path: string,
  from: FoundCollector['from'],
  needed: readonly string[],
): Promise<FoundCollector | { reason: string }> {
  if (!existsSync(path)) return { reason: 'there is no such file' };
  let listing: unknown;
  try {
    const { stdout } = await run(path, ['components'], { timeout: 20_000, maxBuffer: 8 << 20 });
    listing = parse(stdout);
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string };
    return {
      reason: `"${path} components" failed (${stderr?.trim().split('\n')[0] || (code ?? (error as Error).message)})`,
    };
  }
  const { version, components } = readListing(listing);
  if (version === undefined) return { reason: 'it is no OpenTelemetry Collector' };
  if (compareVersions(version, COLLECTOR_VERSION) < 0)
    return { reason: `it is version ${version}; ${COLLECTOR_VERSION} or newer is needed` };
  const missing = needed.filter((name) => !components.has(name));
  if (missing.length > 0) return { reason: `it lacks ${missing.join(', ')}` };
  return { path, from, version, components };
}

/** What `otelcol components` prints. Names that a component had before are not in it. */
export function readListing(listing: unknown): { version: string | undefined; components: Set<string> } {
  const components = new Set<string>();
  if (listing === null || typeof listing !== 'object') return { version: undefined, components };
  const sections = listing as Record<string, unknown>;
  for (const kind of KINDS) {
    for (const item of Array.isArray(sections[kind]) ? sections[kind] : []) {
      const name = (item as { name?: unknown }).name;
      if (typeof name === 'string') components.add(`${kind}/${name}`);
    }
  }
  const version = (sections['buildinfo'] as { version?: unknown } | undefined)?.version;
  return { version: typeof version === 'string' ? version.replace(/^v/, '') : undefined, components };
}
