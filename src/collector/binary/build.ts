import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { builtCollectorPath, DISTRIBUTION_FOLDER } from './cache.ts';

export interface BuildOutcome {
  path: string;
  /** False: it was there. */
  built: boolean;
}

/** Arguments of `go build` that make the same bytes of the same sources everywhere. */
export const BUILD_ARGUMENTS: readonly string[] = [
  'build',
  '-mod=readonly',
  '-trimpath',
  '-buildvcs=false',
  '-tags',
  'grpcnotrace',
  '-ldflags',
  '-s -w -buildid=',
];

/**
 * Builds our distribution with Go, unless its sources were built before: minutes the first time, nothing after that.
 * @param options.go the Go command; default `go` on PATH
 * @throws Error that says what failed and what to do
 */
export async function buildCollector(options: {
  env: Readonly<NodeJS.ProcessEnv>;
  go?: string;
  /** Lines that Go prints. */
  log?: (line: string) => void;
}): Promise<BuildOutcome> {
  const path = builtCollectorPath(options.env);
  if (existsSync(path)) return { path, built: false };
  mkdirSync(dirname(path), { recursive: true });
  // Beside its place, then renamed: a build that is cut off, or two at a time, leave no half program.
  const half = `${path}.${process.pid}`;
  try {
    await go(options.go ?? 'go', [...BUILD_ARGUMENTS, '-o', half, '.'], options);
    renameSync(half, path);
  } finally {
    rmSync(half, { force: true });
  }
  return { path, built: true };
}

function go(
  command: string,
  args: readonly string[],
  options: { env: Readonly<NodeJS.ProcessEnv>; log?: (line: string) => void },
): Promise<void> {
  const child = spawn(command, args, {
    cwd: DISTRIBUTION_FOLDER,
    env: { ...options.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let last = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n').filter((part) => part.trim() !== '')) {
      last = line;
      options.log?.(line);
    }
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new Error(
          error.code === 'ENOENT'
            ? 'Go is not installed (no "go" on PATH); install Go 1.25 or newer from go.dev, or use --download or --image'
            : `Go could not be started: ${error.message}`,
        ),
      );
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `building the Collector failed (go ${signal ? `was ended by ${signal}` : `exited with ${code}`}): ${last}`,
          ),
        );
    });
  });
}
