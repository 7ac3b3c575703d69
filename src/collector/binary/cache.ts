import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CONFIG_FOLDER } from '../config-folder.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Source of our own distribution. */
export const DISTRIBUTION_FOLDER: string = join(CONFIG_FOLDER, 'distribution');
const EXECUTABLE = process.platform === 'win32' ? 'llm-otelcol.exe' : 'llm-otelcol';

/** Folder of what was built or downloaded; `LLM_OTEL_REAL_DIR` moves it. */
export function cacheFolder(env: Environment): string {
  return env['LLM_OTEL_REAL_DIR'] || join(homedir(), '.cache', 'llm-otel', 'real');
}

/** Where the Collector of our distribution stands once it is built: another content of the sources is another place. */
export function builtCollectorPath(env: Environment, sources = DISTRIBUTION_FOLDER): string {
  const sum = createHash('sha256');
  for (const name of readdirSync(sources).sort()) {
    if (!/\.(go|mod|sum)$/.test(name)) continue;
    sum
      .update(name)
      .update('\0')
      .update(readFileSync(join(sources, name)))
      .update('\0');
  }
  return join(cacheFolder(env), `collector-${sum.digest('hex').slice(0, 16)}`, EXECUTABLE);
}

/** Where a downloaded release stands: one a checksum. */
export function downloadedCollectorPath(env: Environment, sha256: string): string {
  return join(
    cacheFolder(env),
    `collector-release-${sha256.slice(0, 16)}`,
    process.platform === 'win32' ? 'otelcol.exe' : 'otelcol',
  );
}

/** Every Collector in the cache: our own first. */
export function cachedCollectors(env: Environment): string[] {
  const folder = cacheFolder(env);
  const releases = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.startsWith('collector-release-'))
        .sort()
        .map((name) => downloadedCollectorPath(env, name.slice('collector-release-'.length)))
    : [];
  return [builtCollectorPath(env), ...releases].filter((path) => existsSync(path));
}
