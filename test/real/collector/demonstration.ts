import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Runs the demonstration once, through this Collector. @returns what it printed */
export async function demonstrate(
  binary: string,
  folder: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<string> {
  const main = fileURLToPath(new URL('../../../examples/start/main.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [main, '--once', '--steps', '60', '--requests', '16', '--data-dir', folder, ...args],
    { env: { ...process.env, ...env, OTELCOL: binary }, maxBuffer: 1 << 24 },
  );
  return stdout;
}
