import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
// @ts-expect-error plain JavaScript without declarations
import { pythonEnvironment, REAL_DIR } from '../../scripts/real-install.mjs';

const run = promisify(execFile);

/** A file of the Python example. */
export const example = (file: string): string =>
  fileURLToPath(new URL(`../../examples/python/${file}`, import.meta.url));

/** The Python of a cached environment with the example's requirements; a text that says why there is none. */
async function findPython(): Promise<{ python: string } | { missing: string }> {
  const shared = pythonEnvironment() as string;
  if (existsSync(join(shared, '.complete'))) return { python: join(shared, 'bin', 'python') };
  const requirements = example('requirements.txt');
  const key = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
  const folder = join(REAL_DIR as string, `python-example-${key}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(join(folder, '.complete'))) return { python };
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(REAL_DIR as string, { recursive: true });
    await run('python3', ['-m', 'venv', folder]);
    await run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-r', requirements], {
      timeout: 120_000,
    });
    writeFileSync(join(folder, '.complete'), '');
    return { python };
  } catch (error) {
    return { missing: (error as Error).message.split('\n')[0] ?? 'unknown reason' };
  }
}

/** The Python to use; undefined, with a visible line, when there is none. Under CI that is a failure. */
export async function pythonOrSkip(what: string): Promise<string | undefined> {
  const found = await findPython();
  if ('python' in found) return found.python;
  const line = `skipped: ${what}: no Python with the OpenTelemetry SDK (${found.missing})`;
  if (process.env['CI'] === 'true') throw new Error(line);
  console.log(line);
  return undefined;
}

/** The Python with every counterpart of test/real/requirements.txt (`npm run real:install`); else as above. */
export function realPythonOrSkip(what: string): string | undefined {
  const folder = pythonEnvironment() as string;
  if (existsSync(join(folder, '.complete'))) return join(folder, 'bin', 'python');
  const line = `skipped: ${what}: npm run real:install has not made the Python environment`;
  if (process.env['CI'] === 'true') throw new Error(line);
  console.log(line);
  return undefined;
}
