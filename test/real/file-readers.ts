import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
// @ts-expect-error plain JavaScript without declarations
import { pythonEnvironment, REAL_DIR } from '../../scripts/real-install.mjs';

const run = promisify(execFile);

/** Lines of test/real/requirements.txt that name the readers. */
function readers(): string[] {
  const lines = readFileSync(new URL('./requirements.txt', import.meta.url), 'utf8').split('\n');
  return lines.filter((line) => /^(tensorboard|pyarrow)==/.test(line));
}

/** A Python with the readers: of the shared environment, else one of its own. A text that says why there is none. */
async function find(): Promise<{ python: string } | { missing: string }> {
  const shared = pythonEnvironment() as string;
  if (existsSync(join(shared, '.complete'))) return { python: join(shared, 'bin', 'python') };
  const wanted = readers();
  const key = createHash('sha256').update(wanted.join('\n')).digest('hex').slice(0, 16);
  const folder = join(REAL_DIR as string, `python-readers-${key}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(join(folder, '.complete'))) return { python };
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(REAL_DIR as string, { recursive: true });
    await run('python3', ['-m', 'venv', folder]);
    await run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...wanted], {
      timeout: 120_000,
    });
    writeFileSync(join(folder, '.complete'), '');
    return { python };
  } catch (error) {
    return { missing: (error as Error).message.split('\n')[0] ?? 'unknown reason' };
  }
}

/** The Python to use; undefined, with a visible line, when there is none. Under CI that is a failure. */
export async function readersOrSkip(what: string): Promise<string | undefined> {
  const found = await find();
  if ('python' in found) return found.python;
  const line = `skipped: ${what}: ${found.missing}`;
  if (process.env['CI'] === 'true') throw new Error(line);
  console.log(line);
  return undefined;
}
