import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { COLLECTOR_VERSION } from '../version.ts';
import { downloadedCollectorPath } from './cache.ts';
import { fileFromTar } from './tar.ts';

const RELEASES = 'https://github.com/open-telemetry/opentelemetry-collector-releases/releases/download';
/** Node's name of a platform → the releases'. */
const SYSTEMS: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const PROCESSORS: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ppc64: 'ppc64le',
  s390x: 's390x',
  ia32: '386',
};

/** Address of the official contrib release; undefined for a platform that has none. */
export function releaseUrl(platform: string, arch: string): string | undefined {
  const system = SYSTEMS[platform];
  const processor = PROCESSORS[arch];
  if (!system || !processor) return undefined;
  return `${RELEASES}/v${COLLECTOR_VERSION}/otelcol-contrib_${COLLECTOR_VERSION}_${system}_${processor}.tar.gz`;
}

/** Where the release's own checksums are published. */
export const CHECKSUMS_URL: string = `${RELEASES}/v${COLLECTOR_VERSION}/opentelemetry-collector-releases_otelcol-contrib_checksums.txt`;

/** Far above any release; an address that never ends is not read for ever. */
const LARGEST = 1 << 30;

/**
 * Downloads a release (`.tar.gz` with the program in it), and keeps it only when its SHA-256 is the expected one: without
 * one nothing is fetched.
 * @param options.sha256 of the archive, 64 hex digits
 * @throws Error that says what was expected and what came
 */
export async function downloadCollector(options: {
  url: string;
  sha256: string;
  env: Readonly<Record<string, string | undefined>>;
  fetch?: typeof fetch;
}): Promise<{ path: string; downloaded: boolean }> {
  const expected = options.sha256.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(expected))
    throw new Error('--sha256 takes 64 hexadecimal digits, the SHA-256 of the archive');
  const path = downloadedCollectorPath(options.env, expected);
  if (existsSync(path)) return { path, downloaded: false };
  const archive = await get(options.url, options.fetch ?? fetch);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== expected)
    throw new Error(
      `what ${options.url} gives is not what was expected: its SHA-256 is ${actual}, not ${expected}. Nothing was installed`,
    );
  const program = fileFromTar(unpack(archive), (name) => /^(llm-)?otelcol(-[a-z]+)?(\.exe)?$/.test(name));
  if (!program)
    throw new Error(`the archive of ${options.url} holds no Collector (a file otelcol or otelcol-contrib)`);
  mkdirSync(dirname(path), { recursive: true });
  const half = `${path}.${process.pid}`;
  try {
    writeFileSync(half, program.content);
    chmodSync(half, 0o755);
    renameSync(half, path);
  } finally {
    rmSync(half, { force: true });
  }
  return { path, downloaded: true };
}

async function get(url: string, request: typeof fetch): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await request(url, { signal: AbortSignal.timeout(600_000) });
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code;
    throw new Error(`${url} cannot be reached (${cause ?? (error as Error).message})`, { cause: error });
  }
  if (!response.ok || !response.body)
    throw new Error(`${url} answered ${response.status} ${response.statusText}`.trim());
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > LARGEST) throw new Error(`${url} gives more than ${LARGEST} bytes; that is no Collector`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unpack(archive: Uint8Array): Uint8Array {
  try {
    return gunzipSync(archive, { maxOutputLength: 2 * LARGEST - 1 });
  } catch (error) {
    throw new Error('the archive is no .tar.gz', { cause: error });
  }
}
