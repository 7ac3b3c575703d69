/** Builds `dist/`: JavaScript and declarations by tsc, the page by esbuild, the command made executable. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const steps = [
  [
    'types and JavaScript',
    [join(root, 'node_modules', 'typescript-native', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
  ],
  ['page', [join(root, 'scripts', 'build-dashboard.mjs')]],
];

rmSync(join(root, 'dist'), { recursive: true, force: true });
for (const [what, args] of steps) {
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    process.stderr.write(`build: ${what} failed${error ? `: ${error.message}` : ''}\n`);
    process.exit(1);
  }
}
const command = join(root, 'dist', 'cli', 'main.js');
if (existsSync(command)) chmodSync(command, 0o755);
