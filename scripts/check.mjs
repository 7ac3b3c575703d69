/** What holds besides the tests: types, lint, format, arrows between rooms, one copy of each OpenTelemetry package. */
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const bin = (name) => join(root, 'node_modules', name);
const CHECKS = [
  ['types', [bin('typescript-native/bin/tsc'), '-p', 'tsconfig.json']],
  ['types of the page', [bin('typescript-native/bin/tsc'), '-p', 'src/dashboard/page/tsconfig.json']],
  ['lint', [bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings']],
  ['format', [bin('@biomejs/biome/bin/biome'), 'format', '.']],
  ['arrows', ['scripts/check-arrows.mjs']],
  ['copies', ['scripts/check-copies.mjs']],
  ['names', ['scripts/names-doc.mjs', '--check']],
];

const failed = [];
for (const [name, args] of CHECKS) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  process.stdout.write(`check ${name}: ${status === 0 ? 'ok' : 'FAILED'}\n`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stdout.write(`failed checks: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
