/**
 * Brings the real counterparts that this machine can have, cached outside the checkout and keyed by what they are made
 * of, so that a second run costs nothing:
 * - Chromium from Debian's packages (for the page), when this is Debian and we may install;
 * - one Python environment with the clients of test/real/requirements.txt and examples/python/requirements.txt.
 * - the oldest Node that the package supports;
 * - the Collector of collector-config/distribution/, built with Go.
 *
 * What cannot be had is said in one line and is no failure here: the tests that need it say so again.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Folder of what was installed; LLM_OTEL_REAL_DIR moves it. */
export const REAL_DIR = process.env.LLM_OTEL_REAL_DIR ?? join(homedir(), '.cache', 'llm-otel', 'real');
const REQUIREMENTS = ['examples/python/requirements.txt', 'test/real/requirements.txt'].map((file) =>
  join(root, file),
);

/** The Python environment for the requirements as they are now; it need not be there. */
export function pythonEnvironment() {
  const sum = createHash('sha256');
  for (const file of REQUIREMENTS) if (existsSync(file)) sum.update(readFileSync(file));
  return join(REAL_DIR, `python-${sum.digest('hex').slice(0, 16)}`);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] });
  return status === 0 ? undefined : (error?.message ?? `exit code ${status}`);
}

/** Debian packages of which one of `files` tells that they are there. */
function installPackages(files, packages) {
  if (files.some((path) => existsSync(path))) return 'there';
  const names = packages.join(' ');
  if (!existsSync('/usr/bin/apt-get')) return `not installed: no apt-get here; install ${names} by hand`;
  if (process.getuid?.() !== 0) return `not installed: needs root; run apt-get install ${names}`;
  const problem =
    run('apt-get', ['update', '-qq']) ??
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
  return problem ? `not installed: apt-get failed (${problem})` : 'installed';
}

const installChromium = () =>
  installPackages(['/usr/bin/chromium', '/usr/bin/chromium-browser'], ['chromium', 'fonts-dejavu-core']);
const installSysstat = () => installPackages(['/usr/bin/iostat'], ['sysstat']);

function installPython() {
  const folder = pythonEnvironment();
  const done = join(folder, '.complete');
  if (existsSync(done)) return `there (${folder})`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(REAL_DIR, { recursive: true });
  const pip = join(folder, 'bin', 'pip');
  const files = REQUIREMENTS.filter((file) => existsSync(file)).flatMap((file) => ['-r', file]);
  const problem =
    run('python3', ['-m', 'venv', folder]) ??
    run(pip, ['install', '-q', '--disable-pip-version-check', ...files]);
  if (problem) return `not installed: ${problem}`;
  writeFileSync(done, '');
  return `installed (${folder})`;
}

/** The oldest Node that the package supports (`engines`), for a test that it works there. */
export const OLDEST_NODE = '22.15.0';
export const oldestNode = join(REAL_DIR, `node-${OLDEST_NODE}`, 'node_modules', 'node', 'bin', 'node');

function installOldestNode() {
  if (existsSync(oldestNode)) return 'there';
  const folder = join(REAL_DIR, `node-${OLDEST_NODE}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true, "allowScripts": {"node": true}}');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const problem = run(npm[0], [
    ...npm.slice(1),
    'install',
    '--prefix',
    folder,
    '--loglevel=error',
    `node@${OLDEST_NODE}`,
  ]);
  return problem ? `not installed: ${problem}` : 'installed';
}

/** Keyed by the sources of the distribution; `llm-otel collector install` and the discovery use the same place. */
async function installCollector() {
  const { buildCollector } = await import('../src/collector/binary/build.ts');
  const started = Date.now();
  try {
    const { path, built } = await buildCollector({ env: { ...process.env, LLM_OTEL_REAL_DIR: REAL_DIR } });
    return built ? `built in ${Math.round((Date.now() - started) / 1000)} s (${path})` : `there (${path})`;
  } catch (error) {
    return `not installed: ${error.message}`;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, install] of [
    ['chromium', installChromium],
    ['sysstat', installSysstat],
    ['python environment', installPython],
    ['oldest node', installOldestNode],
    ['collector', installCollector],
  ]) {
    process.stdout.write(`real ${name}: ${await install()}\n`);
  }
}
