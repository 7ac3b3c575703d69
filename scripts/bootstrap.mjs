/**
 * Makes every command of this repository work on a fresh clone: installs when needed, builds when needed, and goes
 * on with the Node that the lockfile brings (the machine's own may be older). Uses nothing but Node 18 or newer.
 *
 *   node scripts/bootstrap.mjs COMMAND [ARG ...]
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const BUILD_STAMP = join(root, 'dist', '.built');
const OLDEST_NODE = [22, 15];

/** Each command: the script that the brought Node runs, and whether it needs the build in `dist/`. */
const COMMANDS = {
  install: { script: undefined, built: false },
  build: { script: undefined, built: true },
  start: { script: 'examples/start/main.ts', built: true },
  test: { script: 'scripts/test.mjs', built: true },
  check: { script: 'scripts/check.mjs', built: true },
  'test:real': { script: 'scripts/test-real.mjs', built: true },
  'test:isolation': { script: 'scripts/test-isolation.mjs', built: false },
  'real:install': { script: 'scripts/real-install.mjs', built: false },
  bench: { script: 'bench/run.ts', built: true },
  'api-docs': { script: 'scripts/api-docs.mjs', built: true },
  screenshot: { script: 'scripts/screenshot.mjs', built: true },
};

const say = (text) => process.stderr.write(`[llm-otel] ${text}\n`);

/** `script` stays undefined for commands that are done once installed and built. */
async function main() {
  const [command, ...args] = process.argv.slice(2);
  const plan = COMMANDS[command];
  if (!plan) {
    say(`unknown command ${JSON.stringify(command ?? '')}; there are: ${Object.keys(COMMANDS).join(', ')}`);
    return 2;
  }
  const installed = install();
  if (installed !== 0) return installed;
  const node = findNode();
  if (!node) return 1;
  if (plan.built) {
    const built = await build(node);
    if (built !== 0) return built;
  }
  return plan.script ? run(node, [join(root, plan.script), ...args]) : 0;
}

function install() {
  if (isInstalled()) return 0;
  say('installing the dependencies of package-lock.json (npm ci) ...');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const started = Date.now();
  // The machine's Node may be older than what some packages ask for; they run on the one that this install brings.
  const result = spawnSync(npm[0], [...npm.slice(1), 'ci', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && npm.length === 1,
  });
  if (result.status !== 0) {
    say(
      `npm ci failed (${result.error ? result.error.message : `exit code ${result.status}`}); see its messages above`,
    );
    return 1;
  }
  say(`installed in ${seconds(started)}`);
  return 0;
}

/** Does `node_modules` hold what the lockfile asks for? npm writes down there what it installed. */
function isInstalled() {
  const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  try {
    const installed = read('node_modules/.package-lock.json');
    const wanted = read('package-lock.json');
    const own = Object.keys(wanted[''].optionalDependencies ?? {}).map((name) => `node_modules/${name}`);
    // Optional packages of others may be for another system; our own are not.
    return Object.entries(wanted).every(
      ([place, { version, optional }]) =>
        place === '' || (optional && !own.includes(place)) || installed[place]?.version === version,
    );
  } catch {
    return false;
  }
}

/** The Node of the lockfile; the machine's own when that one is not there and this one is new enough. */
function findNode() {
  const brought = join(
    root,
    'node_modules',
    'node',
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (existsSync(brought)) {
    const version = spawnSync(brought, ['--version'], { encoding: 'utf8' }).stdout?.trim();
    if (version) {
      if (version !== process.version)
        say(`this machine's Node is ${process.version}; going on with the lockfile's ${version}`);
      return brought;
    }
  }
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]))
    return process.execPath;
  say(
    `this machine's Node is ${process.version}, at least ${OLDEST_NODE.join('.')} is needed, and npm did not bring one for ${process.platform}-${process.arch} (package "node")`,
  );
  return undefined;
}

async function build(node) {
  const wanted = hash([
    ...files(join(root, 'src')),
    ...[
      'package-lock.json',
      'tsconfig.json',
      'tsconfig.build.json',
      'scripts/build.mjs',
      'scripts/build-dashboard.mjs',
    ].map((f) => join(root, f)),
  ]);
  if (existsSync(BUILD_STAMP) && readFileSync(BUILD_STAMP, 'utf8') === wanted) return 0;
  const started = Date.now();
  say('building dist/ ...');
  const code = await run(node, [join(root, 'scripts', 'build.mjs')]);
  if (code !== 0) {
    say('the build failed; see its messages above');
    return code;
  }
  mkdirSync(dirname(BUILD_STAMP), { recursive: true });
  writeFileSync(BUILD_STAMP, wanted);
  say(`built in ${seconds(started)}`);
  return 0;
}

/** Runs Node with the tools of node_modules first on PATH, passes SIGTERM on, and gives the child's exit code. */
function run(node, args) {
  const PATH = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
  const child = spawn(node, args, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH } });
  // Ctrl-C reaches the child too, through the terminal's process group: it decides how to end.
  const wait = () => {};
  const passOn = () => child.kill('SIGTERM');
  process.on('SIGINT', wait).on('SIGTERM', passOn);
  return new Promise((done) => {
    const end = (code) => {
      process.off('SIGINT', wait).off('SIGTERM', passOn);
      done(code);
    };
    child.once('error', (error) => {
      say(`could not run ${node}: ${error.message}`);
      end(1);
    });
    child.once('close', (code, signal) => end(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

function hash(paths) {
  const sum = createHash('sha256');
  for (const path of paths) {
    if (!existsSync(path) || !statSync(path).isFile()) continue;
    sum.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0');
  }
  return sum.digest('hex');
}

const seconds = (started) => `${((Date.now() - started) / 1000).toFixed(1)} s`;

process.exitCode = await main();
